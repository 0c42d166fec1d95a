#!/usr/bin/env bash
# Programs that are more than a client, against the program built; what each could do, in a line.
#   tools/clients/heavy.sh            Open WebUI, which comes from PyPI in its slim form (Python 3.11 or 3.12)
#   FRIGATE=CLONE LLM_VISION=CLONE tools/clients/heavy.sh
#                                     also the provider files of clones of blakeblackshear/frigate and
#                                     valentinfrlch/ha-llmvision, which are in no registry
set -euo pipefail
cd "$(dirname "$0")/../.."
ocellus=$PWD/build/release/ocellus
into=build/clients
failed=0
if [ ! -e $into/webui/done ]; then
  python3 -m venv --clear $into/webui
  $into/webui/bin/pip install -q --disable-pip-version-check --no-deps open-webui
  $into/webui/bin/pip install -q --disable-pip-version-check \
    -r "$($into/webui/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/requirements-slim.txt"
  touch $into/webui/done
fi
$into/webui/bin/python tools/clients/webui_page.py "$ocellus" "$PWD" "$PWD/$into/webui/bin/open-webui" || failed=1
if [ ! -e $into/providers/done ]; then
  python3 -m venv --clear $into/providers
  $into/providers/bin/pip install -q --disable-pip-version-check openai ollama pillow numpy requests aiohttp
  touch $into/providers/done
fi
for each in FRIGATE:frigate_genai LLM_VISION:llm_vision; do
  clone=${each%%:*}
  if [ -n "${!clone:-}" ]; then
    $into/providers/bin/python "tools/clients/${each#*:}.py" "$ocellus" "$PWD" "${!clone}" || failed=1
  else
    echo "${each#*:}: name a clone of its repository in $clone"
  fi
done
exit $failed
