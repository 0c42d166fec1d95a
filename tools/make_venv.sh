#!/usr/bin/env bash
# build/venv: the Python packages that the tests use. Made anew when their list has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
list=tests/e2e/requirements.txt
cmp -s $list build/venv/requirements.txt && exit 0
rm -rf build/venv
python3 -m venv build/venv
build/venv/bin/pip install -q --disable-pip-version-check --retries 10 -r $list
cp $list build/venv/requirements.txt  # last: a half-made one must not pass for whole
