#!/usr/bin/env bash
# tools/late.sh [TEST...]: black-box tests against a server that is late in all that it does beside its
# answers (tests/late/late_linux.cpp), which shows tests that look too early. Linux only.
# Without TEST all but those of the page, about twenty minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/late
${CXX:-c++} -std=c++20 -O1 -shared -fPIC -o build/late/late.so tests/late/late_linux.cpp -ldl
# Beside the program, where it looks for what lies with it.
cat >build/release/late <<'END'
#!/bin/sh
here=${0%/*}
[ "${1-}" = serve ] && export LD_PRELOAD="$here/../late/late.so${LD_PRELOAD:+ $LD_PRELOAD}"
exec "$here/ocellus" "$@"
END
chmod +x build/release/late
if [ $# -eq 0 ]; then set -- tests/e2e --ignore-glob='*/test_page*.py'; fi
OCELLUS_BIN=$PWD/build/release/late exec build/venv/bin/python -m pytest -q -p no:cacheprovider "$@"
