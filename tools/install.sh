#!/usr/bin/env bash
# tools/install.sh PREFIX [BUILD]: what `make install` does once ocellus is built.
set -euo pipefail
prefix=$1
build=${2:-$(cd "$(dirname "$0")/.." && pwd)/build/release}
# Not every shell expands the ~ of PREFIX=~/.local, and CMake does not.
case "$prefix" in
  "~") prefix=$HOME ;;
  "~/"*) prefix=$HOME/${prefix#"~/"} ;;
  "~"*) echo "PREFIX=$prefix: whose home is that? Please write the path out." >&2; exit 2 ;;
  "") echo "PREFIX is empty" >&2; exit 2 ;;
  /*) ;;
  *) prefix=$PWD/$prefix ;;
esac
while [[ $prefix == ?*/ ]]; do prefix=${prefix%/}; done
bin=${prefix%/}/bin
cmake --install "$build" --prefix "$prefix"
case ":$PATH:" in
  *":$bin:"*) ;;
  *) echo "$bin is not in PATH; the program is $bin/ocellus" ;;
esac
