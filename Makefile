# Thin: what is built and how stands in CMakePresets.json, what is tested in tools/test.sh.
.PHONY: build grammar run test quick late clients soak bench lab platforms install format clean help
.DEFAULT_GOAL := help

help:     ## this list
	@awk -F ': *[^#]*## ' '/^[a-z]*:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

build:    ## build/release/ocellus
	@tools/install_deps.sh build
	@tools/get_xgrammar.sh optional
	@cmake --preset release
	@cmake --build --preset release --target ocellus

grammar:  ## fetch what response_format json_schema needs, as build tries to; the next build has it
	@tools/get_xgrammar.sh

run: build ## build, ask the embedded model one question, serve it
	@tools/run_demo.sh

test:     ## build and pass all tests
	@tools/install_deps.sh test
	@tools/test.sh

quick:    ## the release build and its unit tests
	@tools/install_deps.sh test
	@cmake --preset release
	@cmake --build --preset release
	@ctest --preset release -j $$(getconf _NPROCESSORS_ONLN)

soak:     ## ten minutes of good, bad and hostile requests under sanitizers
	@tools/install_deps.sh test
	@tools/soak.sh

late: build  ## the black-box tests against a server that is late: which of them look too early?
	@tools/late.sh

bench: build ## measure this machine and the embedded model on it
	@build/release/ocellus bench

lab: build   ## kernel variants side by side
	@cmake --build --preset release --target ocellus_lab
	@build/release/ocellus_lab

clients: build ## other programs' clients against it (docs/clients.md); they come from PyPI and npm
	@tools/clients/run.sh

platforms: ## check the sources for 64-bit Macs (docs/platforms.md); nothing is built
	@tools/platforms.sh

PREFIX ?= /usr/local
install: build ## into PREFIX (/usr/local): bin/ocellus and what it needs at run time
	@tools/install.sh "$(PREFIX)"

format:   ## clang-format over all C++ files
	@git ls-files -z '*.cpp' '*.h' | xargs -0 clang-format-16 -i

clean:    ## remove build/
	@rm -rf build
