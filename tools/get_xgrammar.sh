#!/usr/bin/env bash
# Fetches the sources of xgrammar, which keep answers within a JSON schema (docs/grammar.md), to
# build/deps, where cmake/xgrammar.cmake finds them. Quiet and quick when they are there already.
# pip fetches them, from wherever it is configured to; needs python3 with venv.
#   tools/get_xgrammar.sh            status 1 where they cannot be had
#   tools/get_xgrammar.sh optional   says so, quickly, and the build goes on without them
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.2.8
sha256=8305646fd2b319d6c3003f51a1665e54cbbe9cba1fb636bc41d0b46434ccbb80
deps=build/deps
sources=$deps/xgrammar-$version
[ -d "$sources" ] && exit 0

retries=(--retries 10) status=1 then=""
if [ "${1:-}" = optional ]; then
  retries=(--retries 1 --timeout 20) status=0
  then=" This build goes on without answers that keep to a JSON schema; a later one tries again."
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  echo "xgrammar cannot be fetched without python3 and its venv (Debian: python3-venv).$then" >&2
  exit $status
fi
echo "Fetching xgrammar $version"
mkdir -p $deps
work=$(mktemp -d "$PWD/$deps/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Of a source package pip wants the metadata, which takes the tools that make it. Left to itself it
# would install all that the Python part is built with, some hundred MB.
pip=("$work/venv/bin/pip" -q --disable-pip-version-check "${retries[@]}")
echo "xgrammar==$version --hash=sha256:$sha256" >"$work/wanted.txt"
{
  python3 -m venv "$work/venv" &&
    "${pip[@]}" install scikit-build-core==1.1.2 setuptools-scm==8.3.1 setuptools &&
    "${pip[@]}" download --no-deps --no-build-isolation --no-binary xgrammar --require-hashes \
      -d "$work" -r "$work/wanted.txt" &&
    tar -xzf "$work/xgrammar-$version.tar.gz" -C "$work"
} >"$work/log" 2>&1 || {
  [ $status -eq 0 ] || tail -n 15 "$work/log" >&2
  echo "xgrammar $version could not be fetched.$then" >&2
  exit $status
}
mv "$work/xgrammar-$version" "$sources"
