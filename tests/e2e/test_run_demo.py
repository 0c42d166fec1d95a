"""What `make run` shows once the program is built: an answer, an address, a curl line that works."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from conftest import BIN, ROOT


@pytest.mark.skipif(BIN != ROOT / "build/release/ocellus", reason="run_demo.sh runs the release build")
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_run_demo_answers_serves_and_prints_a_curl_line_that_works():
    demo = subprocess.Popen(
        [str(ROOT / "tools/run_demo.sh")], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        lines = []
        for line in demo.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("curl "):
                break
        shown = "\n".join(lines)
        asked = next(i for i, line in enumerate(lines) if line.startswith("$ "))
        assert lines[asked + 1].strip(), shown
        answer = lines[asked + 1]
        assert re.search(r"^ocellus serving ocellus-demo at http://127\.0\.0\.1:\d+$", shown, re.M), shown
        curl = subprocess.run(
            ["bash", "-c", lines[-1]], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        reply = json.loads(curl.stdout)
        assert reply["choices"][0]["message"]["content"] == answer
        assert "circle" in answer.lower()
    finally:
        demo.send_signal(signal.SIGTERM)
        status = demo.wait(timeout=60)
    assert status == 0
