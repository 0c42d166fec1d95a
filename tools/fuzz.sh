#!/usr/bin/env bash
# Runs the libFuzzer programs of build/asan, as many at a time as there are processors, over the kept
# corpus in tests/fuzz/corpus/NAME and what earlier runs found (build/fuzz/corpus/NAME).
#   tools/fuzz.sh [SECONDS [NAME...]]      10 seconds each, all of them
# A finding: the end of its log, the input under build/fuzz/findings/NAME, and status 1.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
shift $(($# > 0 ? 1 : 0))
build=build/fuzz
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do names+=("$(basename "$source" _fuzz.cpp)"); done
fi

fuzz_one() {
  local name=$1 seconds=$2 build=$3
  local found=$build/corpus/$name kept=tests/fuzz/corpus/$name
  local log=$build/logs/$name.log findings=$build/findings/$name
  mkdir -p "$found" "$findings" "$build/logs"
  local folders=("$found")
  [ -d "$kept" ] && folders+=("$kept")
  local dictionary=()
  [ -f "tests/fuzz/$name.dict" ] && dictionary=("-dict=tests/fuzz/$name.dict")
  local status=0
  "build/asan/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -artifact_prefix="$findings/" "${dictionary[@]}" "${folders[@]}" >"$log" 2>&1 || status=$?
  local runs coverage
  runs=$(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) .*/\1 runs in \2 s/p' "$log" | tail -n 1)
  coverage=$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1) || true
  if [ "$status" -eq 0 ] && [ -n "$runs" ]; then
    echo "fuzz $name: $runs, $coverage, ok"
  else
    { tail -n 40 "$log"; echo "fuzz $name: FINDING (status $status, log $log, input in $findings)"; } >&2
    return 1
  fi
}
export -f fuzz_one

printf '%s\n' "${names[@]}" |
  xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} bash -c 'fuzz_one "$@"' fuzz {} "$seconds" "$build"
echo "fuzz: ${#names[@]} targets, no finding"
