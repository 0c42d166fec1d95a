#!/usr/bin/env bash
# Installs the Debian packages that ocellus needs, quietly when they are all there.
#   tools/install_deps.sh build    what `make run` needs: compiler, libraries
#   tools/install_deps.sh test     that and what `make test` needs: clang for the fuzzers, python
# As root or with sudo. On a system without apt it names what is missing and ends with status 1.
set -euo pipefail

# package, what it is looked for by where there is no dpkg: a command or a header
build_packages=(
  "g++                 command:g++"
  "cmake               command:cmake"
  "ninja-build         command:ninja"
  "pkg-config          command:pkg-config"
  "ccache              command:ccache"
  "curl                command:curl"
  "libboost1.81-dev    header:boost/beast.hpp"
  "libboost-json1.81-dev header:boost/json.hpp"
  "libboost-url1.81-dev header:boost/url.hpp"
  "libhwy-dev          header:hwy/highway.h"
  "libjpeg-dev         header:jpeglib.h"
  "libpng-dev          header:png.h"
  "libwebp-dev         header:webp/decode.h"
  "libspdlog-dev       header:spdlog/spdlog.h"
  "libfmt-dev          header:fmt/format.h"
  "libcli11-dev        header:CLI/CLI.hpp"
  "libssl-dev          header:openssl/evp.h"
  "libcurl4-openssl-dev header:curl/curl.h"
  "libhiredis-dev      header:hiredis/hiredis.h"
  "libgtest-dev        header:gtest/gtest.h"
)
test_packages=(
  "clang-16            command:clang++-16"
  "libclang-rt-16-dev  command:clang++-16"
  "git                 command:git"
  "python3             command:python3"
  "python3-venv        command:python3"
  "chromium            command:chromium"
  "redis-server        command:redis-server"
)

case "${1:-build}" in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  *) echo "usage: $0 [build|test]" >&2; exit 2 ;;
esac

present() {  # without dpkg
  case "$1" in
    command:*) command -v "${1#command:}" >/dev/null ;;
    header:*) printf '#if !__has_include(<%s>)\n#error missing\n#endif\n' "${1#header:}" |
      c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 ;;
  esac
}

missing=()
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  names=()
  for line in "${wanted[@]}"; do names+=("${line%% *}"); done
  installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package}\n' "${names[@]}" 2>/dev/null |
    sed -n 's/^installed://p' | tr '\n' ' ' || true) "  # a name it never heard of is status 1
  for name in "${names[@]}"; do
    [[ $installed == *" $name "* ]] || missing+=("$name")
  done
else
  for line in "${wanted[@]}"; do
    present "${line##* }" || missing+=("${line%% *}")
  done
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "This system has no apt-get. Please install what these Debian packages hold:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing packages, and neither root nor sudo to install them. As root:" >&2
    echo "  apt-get update && apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" apt-get update -q >"$log" 2>&1 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1
}
# Once more after a while: another apt may hold the lock, or a mirror may have been in mid-update.
if ! install && ! { sleep 10 && install; }; then
  tail -n 25 "$log" >&2
  echo "apt-get could not install: ${missing[*]}" >&2
  echo "(tested on Debian 12; other releases may call these packages otherwise)" >&2
  exit 1
fi
