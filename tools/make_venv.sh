#!/usr/bin/env bash
# build/venv: the Python packages that the tests use. Made anew when their lists have changed.
set -euo pipefail
cd "$(dirname "$0")/.."
list=tests/e2e/requirements.txt
alone=tests/e2e/requirements-alone.txt  # without what they would bring along
cat $list $alone | cmp -s - build/venv/requirements.txt && exit 0
rm -rf build/venv
python3 -m venv build/venv
pip="build/venv/bin/pip install -q --disable-pip-version-check --retries 10"
$pip -r $list
$pip --no-deps -r $alone
cat $list $alone >build/venv/requirements.txt  # last: a half-made one must not pass for whole
