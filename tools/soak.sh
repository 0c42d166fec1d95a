#!/usr/bin/env bash
# What `make soak` runs: a storm of good, bad and hostile requests against the program built with ASan
# and UBSan, then the same good questions a thousand times against the release build, whose memory must
# stay where it is.
#   tools/soak.sh [SECONDS]      of the storm; 600
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
logs=build/soak
mkdir -p $logs
python=build/venv/bin/python
status=0

tools/make_venv.sh
for preset in release asan; do
  cmake --preset $preset >$logs/configure-$preset.log || { cat $logs/configure-$preset.log; exit 1; }
  cmake --build --preset $preset --target ocellus
done
export ASAN_OPTIONS=handle_abort=1:quarantine_size_mb=64 UBSAN_OPTIONS=print_stacktrace=1

echo "== storm, $seconds s, ASan and UBSan"
OCELLUS_BIN=$PWD/build/asan/ocellus $python tests/e2e/hostile_soak.py --seconds "$seconds" 2>&1 |
  tee $logs/storm.log || status=1

echo "== the same questions a thousand times"
OCELLUS_BIN=$PWD/build/release/ocellus $python tests/e2e/soak.py --serve --requests 1000 2>&1 |
  tee $logs/same.log || status=1

echo
echo "== closing lines"
tail -n 1 $logs/storm.log
tail -n 1 $logs/same.log
exit $status
