#!/usr/bin/env bash
# Compiles every source for 64-bit Macs, without linking or running anything: docs/platforms.md. The
# compiler and Apple's headers come with the Python package ziglang, the libraries' headers from this
# machine (OC_HEADERS: another folder than /usr/include).
#   tools/platforms.sh [PATTERN]    only sources whose path matches the pattern (grep -E)
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
headers=${OC_HEADERS:-/usr/include}
place=build/platforms
zig=0.14.1  # with clang 19, as Apple's since Xcode 16.3
mkdir -p $place

if [ "$($place/venv/bin/python -m ziglang version 2>/dev/null)" != $zig ]; then
  echo "Fetching ziglang $zig"
  rm -rf $place/venv
  python3 -m venv $place/venv
  $place/venv/bin/pip install -q --disable-pip-version-check --retries 10 "ziglang==$zig"
fi

# Only the libraries' headers: those of this machine's C library must not be seen.
rm -rf $place/include
mkdir -p $place/include/openssl
there() { for folder in "$headers" "$headers"/*-linux-gnu; do ! [ -e "$folder/$1" ] || echo "$folder/$1"; done; }
for name in boost fmt CLI hwy gtest webp hiredis curl png.h pngconf.h pnglibconf.h jpeglib.h jmorecfg.h jerror.h jconfig.h \
  gif_lib.h histedit.h lcms2.h lcms2_plugin.h libde265 dav1d tiffio.h tiff.h tiffconf.h tiffvers.h; do
  found=$(there $name | head -n 1)
  [ -n "$found" ] || { echo "There is no $name in $headers (tools/install_deps.sh build)" >&2; exit 1; }
  ln -s "$found" $place/include/$name
done
for folder in $(there openssl); do ln -s "$folder"/* $place/include/openssl/; done
flags=(-target aarch64-macos -std=c++20 -c -O0 -g0 -fno-sanitize=all -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror
  -Wno-missing-designated-field-initializers -Wno-nullability-completeness
  "-I$root/src" "-I$root" "-I$root/apps/ocellus" -isystem "$root/$place/include"
  '-DOCELLUS_VERSION="0"' '-DOCELLUS_MLX=""' '-DOCELLUS_XGRAMMAR=""' '-DOCELLUS_HIGHWAY="0"' '-DOC_SOURCE_DIR="/"'
  -DOC_HAS_HEIC -DOC_HAS_AVIF -DOC_HAS_TIFF -DOC_TIFF_WRITER
  -DOC_HAS_LIBEDIT)

# What the build makes, and what it leaves out where a library is not there.
{ find "$root/web" -type f -print0 && printf '%s\0' "$root/examples/shapes.png"; } |
  xargs -0 cmake -DOUT=$place/web_files.cpp "-DROOT=$root/web" -P cmake/embed.cmake --
cmake -DOUT=$place/embedded_model.cpp -P cmake/embed_model.cmake -- models/demo/*.json models/demo/*.safetensors
left_out=""
xgrammar=$(ls -d build/deps/xgrammar-* 2>/dev/null | head -n 1)
if [ -n "$xgrammar" ]; then
  flags+=(-DOC_HAS_XGRAMMAR -isystem "$root/$xgrammar/include" -isystem "$root/$xgrammar/3rdparty/dlpack/include")
else
  left_out="$left_out src/runtime/grammar/xgrammar.cpp"
fi
mlx=$(ls -d build/venv/lib/python3*/site-packages/mlx/include 2>/dev/null | head -n 1)
if [ -n "$mlx" ]; then flags+=(-DOC_HAS_MLX -isystem "$root/$mlx"); else left_out="$left_out src/engines/mlx"; fi
sources() {
  find src apps bench/lab tests -name '*.cpp' ! -path 'tests/fuzz/*' ! -name '*_linux.cpp' ! -name '*_linux_test.cpp' | sort
  echo $place/web_files.cpp
  echo $place/embedded_model.cpp
}
kept() {
  local path folder
  while read -r path; do
    for folder in $left_out; do case $path in "$folder" | "$folder"/*) continue 2 ;; esac; done
    echo "$path"
  done
}
list=$(sources | kept | grep -E -e "${1:-.}")

echo "macOS on 64-bit Arm: zig $zig, $(
  sed -n 's/^#define BOOST_LIB_VERSION "\(.*\)"/Boost \1/p' $place/include/boost/version.hpp | tr _ .), fmt $(
  sed -n 's/^#define FMT_VERSION \([0-9]*\).*/\1/p' $place/include/fmt/base.h $place/include/fmt/core.h 2>/dev/null | head -n 1), Highway $(
  cat $place/include/hwy/base.h $place/include/hwy/highway.h | sed -n 's/^#define HWY_\(MAJOR\|MINOR\|PATCH\) //p' | paste -s -d . -)"
[ -z "$left_out" ] || echo "left out, as their libraries are not here:$left_out"
failed=0
compile() {  # SOURCE FLAGS...
  local source=$1
  shift
  build/platforms/venv/bin/python -m ziglang c++ "$@" "$source" -o "build/platforms/out/$$.o" ||
    { echo "platforms: $source does not compile" >&2; return 1; }
}
export -f compile
mkdir -p $place/out
jobs=$(getconf _NPROCESSORS_ONLN)
echo "$list" | xargs -P "$jobs" -I{} bash -c 'compile "$@"' platforms {} "${flags[@]}" || failed=1
rm -rf $place/out
if [ $failed -ne 0 ]; then
  echo "platforms: not every source passes" >&2
  exit 1
fi
echo "platforms: $(echo "$list" | wc -l | tr -d ' ') sources pass for aarch64-macos"
