#!/usr/bin/env bash
# Installs the packages that ocellus needs, quietly when they are all there, through apt, dnf, pacman
# or Homebrew; elsewhere it names what is missing and ends with status 1.
#   tools/install_deps.sh build    what `make run` needs: compiler, libraries
#   tools/install_deps.sh test     that and what `make test` needs: sanitizers, clang-tidy, python, a browser
# As root or with sudo (Homebrew: neither). Bash 3.2 will do, which is a Mac's.
set -euo pipefail

# What is needed; how it is found where there is no package manager that we know; the packages of
# apt, dnf, pacman and brew. A|B: the first that there is; A&B: both; -: the system has it.
build_needs='
c++        command:c++             g++                   gcc-c++             gcc            -
clang      command:clang++         @clang                clang               clang          -
cmake      command:cmake           cmake                 cmake               cmake          cmake
ninja      command:ninja           ninja-build           ninja-build         ninja          ninja
pkg-config command:pkg-config      pkg-config|pkgconf    pkgconf-pkg-config|pkgconfig pkgconf pkgconf|pkg-config
ccache     command:ccache          ccache                ccache              ccache         ccache
curl       command:curl            curl                  curl|curl-minimal   curl           -
python3    command:python3         python3&python3-venv  python3             python         python3|python
boost      header:boost/url.hpp    @boost                boost-devel         boost          boost
highway    header:hwy/highway.h    libhwy-dev            highway-devel|google-highway-devel highway highway
jpeg       header:jpeglib.h        libjpeg-dev           libjpeg-turbo-devel libjpeg-turbo  jpeg-turbo
png        header:png.h            libpng-dev            libpng-devel        libpng         libpng
zlib       header:zlib.h           zlib1g-dev            zlib-ng-compat-devel|zlib-devel zlib  -
webp       header:webp/decode.h    libwebp-dev           libwebp-devel       libwebp        webp
gif        header:gif_lib.h        libgif-dev            giflib-devel        giflib         giflib
lcms       header:lcms2.h          liblcms2-dev          lcms2-devel         lcms2          little-cms2
de265      header:libde265/de265.h libde265-dev          -                   libde265       libde265
dav1d      header:dav1d/dav1d.h    libdav1d-dev          libdav1d-devel      dav1d           dav1d
tiff       header:tiffio.h         libtiff-dev           libtiff-devel       libtiff         libtiff
fmt        header:fmt/format.h     libfmt-dev            fmt-devel           fmt            fmt
cli11      header:CLI/CLI.hpp      libcli11-dev          cli11-devel         cli11          cli11
openssl    header:openssl/evp.h    libssl-dev            openssl-devel       openssl        openssl@3|openssl
libcurl    header:curl/curl.h      libcurl4-openssl-dev  libcurl-devel|curl-devel curl      -
libedit    header:histedit.h       libedit-dev           libedit-devel         libedit        -
hiredis    header:hiredis/hiredis.h libhiredis-dev       hiredis-devel       hiredis        hiredis
gtest      header:gtest/gtest.h    libgtest-dev          gtest-devel         gtest          googletest
'
test_needs='
sanitizers command:clang++         @clang-rt             clang&compiler-rt   clang&compiler-rt -
bash       command:bash            bash                  bash                bash           bash
git        command:git             git                   git                 git            -
clang-tidy command:clang-tidy      @clang-tidy           clang-tools-extra   clang          -
chromium   command:chromium        chromium|chromium-browser chromium        chromium       -
redis      command:redis-server    redis-server          redis|valkey-compat-redis redis|valkey redis
'

what=${1:-build}
case "$what" in
  build) needs=$build_needs ;;
  test) needs=$build_needs$test_needs ;;
  *) echo "usage: $0 [build|test]" >&2; exit 2 ;;
esac

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then manager=apt column=3
elif command -v rpm >/dev/null && command -v dnf >/dev/null; then manager=dnf column=4
elif command -v pacman >/dev/null; then manager=pacman column=5
elif command -v brew >/dev/null; then manager=brew column=6
else manager=none column=2
fi

joined() { local IFS='|'; echo "$*"; }

# The alternatives of a column. Those that Debian and Ubuntu number are listed by their numbers: the
# plain name may be one that is too old. cmake/compiler.cmake looks for clang in the same order.
expanded() {
  local sets=() version
  case "$1" in
    @boost)
      for version in 1.81 1.83 1.88 1.90 1.89 1.87 1.86 1.85 1.84 1.82; do
        sets+=("libboost$version-dev&libboost-json$version-dev&libboost-url$version-dev")
      done
      joined "${sets[@]}" "libboost-dev&libboost-json-dev&libboost-url-dev" ;;
    @clang) joined clang-16 clang-19 clang-18 clang-20 clang-21 clang-22 clang-17 clang ;;
    @clang-rt)
      for version in 16 19 18 20 21 22 17; do sets+=("clang-$version&libclang-rt-$version-dev"); done
      joined "${sets[@]}" "clang&libclang-rt-dev" ;;
    @clang-tidy)
      joined clang-tidy-16 clang-tidy-19 clang-tidy-18 clang-tidy-20 clang-tidy-21 clang-tidy-22 clang-tidy-17 clang-tidy ;;
    *) echo "$1" ;;
  esac
}

# From here on: one line for each need, its name and its alternatives.
wanted=()
while read -r name probe apt dnf pacman brew; do
  [ -n "$name" ] || continue
  set -- "$name" "$probe" "$apt" "$dnf" "$pacman" "$brew"
  [ "${!column}" = - ] || wanted+=("$name $(expanded "${!column}")")
done <<<"$needs"

names_of() { local line; for line in "$@"; do echo "${line#* }"; done | tr '|&' '\n\n' | sort -u; }

# installed_of NAME...: those that are installed; available_of NAME...: those that could be.
installed_of() {
  case $manager in
    # A name that it never heard of is status 1.
    apt) dpkg-query -W -f='${db:Status-Status}:${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed://p' || true ;;
    dnf) for name in "$@"; do ! rpm -q --whatprovides "$name" >/dev/null 2>&1 || echo "$name"; done ;;
    pacman) for name in "$@"; do ! pacman -T "$name" >/dev/null 2>&1 || echo "$name"; done ;;
    brew) for name in "$@"; do ! brew list --versions "$name" >/dev/null 2>&1 || echo "$name"; done ;;
  esac
}
available_of() {
  case $manager in
    apt) LC_ALL=C apt-cache policy "$@" 2>/dev/null |
      awk '/^[^ ].*:$/ { name = substr($0, 1, length($0) - 1) } $1 == "Candidate:" && $2 != "(none)" { print name }' ;;
    dnf) for name in "$@"; do [ -z "$(dnf -q repoquery --whatprovides "$name" 2>/dev/null)" ] || echo "$name"; done ;;
    pacman) for name in "$@"; do ! pacman -Si "$name" >/dev/null 2>&1 || echo "$name"; done ;;
    brew) for name in "$@"; do ! brew info --formula "$name" >/dev/null 2>&1 || echo "$name"; done ;;
  esac
}

# first_whole LIST ALTERNATIVES: the first alternative whose packages all stand in LIST.
first_whole() {
  local list=" $(echo "$1" | tr '\n' ' ') " set package
  for set in $(echo "$2" | tr '|' ' '); do
    for package in $(echo "$set" | tr '&' ' '); do
      [[ $list == *" $package "* ]] || continue 2
    done
    echo "$set" | tr '&' ' '
    return
  done
  return 1
}

found_by_hand() {  # where no package manager tells
  case "$1" in
    command:*) command -v "${1#command:}" >/dev/null ;;
    header:*) printf '#if !__has_include(<%s>)\n#error missing\n#endif\n' "${1#header:}" |
      c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 ;;
  esac
}

missing=()
if [ $manager = none ]; then
  for line in "${wanted[@]}"; do
    found_by_hand "${line#* }" || missing+=("${line%% *}")
  done
  [ ${#missing[@]} -eq 0 ] && exit 0
  echo "This system has no package manager that is known here (apt, dnf, pacman, brew). Missing:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi

if [ "$(uname -s)" = Darwin ] && ! xcode-select -p >/dev/null 2>&1; then
  echo "The compiler is missing: xcode-select --install" >&2
  exit 1
fi
still_missing() {
  local installed line
  installed=$(installed_of $(names_of "${wanted[@]}"))
  missing=()
  for line in "${wanted[@]}"; do
    first_whole "$installed" "${line#* }" >/dev/null || missing+=("$line")
  done
}
still_missing
[ ${#missing[@]} -eq 0 ] && exit 0

# What is asked for, and by whom.
as_root=""
if [ $manager != brew ] && [ "$(id -u)" -ne 0 ]; then as_root=sudo; fi
log=$(mktemp "${TMPDIR:-/tmp}/ocellus-packages.XXXXXX")
trap 'rm -f "$log"' EXIT
update() { [ $manager != apt ] || $as_root apt-get update -q >"$log" 2>&1; }
install() {
  case $manager in
    apt) $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" ;;
    dnf) $as_root dnf install -q -y --setopt=install_weak_deps=False "$@" ;;
    pacman) $as_root pacman -S --needed --noconfirm "$@" ;;
    brew) brew install --quiet "$@" ;;
  esac >>"$log" 2>&1
}
if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
  echo "Missing packages, and neither root nor sudo to install them. As root: $0 $what" >&2
  printf '  %s\n' "${missing[@]%% *}" >&2
  exit 1
fi

# Once more after a while: another apt may hold the lock, or a mirror may have been in mid-update.
pause=${OC_INSTALL_PAUSE:-10}
update || { sleep "$pause"; update; } || { tail -n 5 "$log" >&2; echo "apt-get update failed; going on with what it knows" >&2; }
available=$(available_of $(names_of "${missing[@]}"))
packages=()
for line in "${missing[@]}"; do
  # What there is none of is named at the end.
  if chosen=$(first_whole "$available" "${line#* }"); then packages+=($chosen); fi
done
if [ ${#packages[@]} -gt 0 ]; then
  echo "Installing packages: ${packages[*]}"
  if ! install "${packages[@]}"; then
    sleep "$pause"
    # One by one, so that what cannot be had does not keep the rest away.
    install "${packages[@]}" || for name in "${packages[@]}"; do install "$name" || true; done
  fi
fi

still_missing
[ ${#missing[@]} -eq 0 ] && exit 0
tail -n 15 "$log" >&2
echo "$manager could not install:" >&2
for line in "${missing[@]}"; do
  echo "  ${line%% *} (${line#* })" | sed 's/|/ or /g; s/&/ and /g' >&2
done
exit 1
