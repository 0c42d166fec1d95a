"""The storm of `make soak`, in short."""

import pathlib
import subprocess
import sys


def test_storm_in_short():
    script = pathlib.Path(__file__).with_name("hostile_soak.py")
    done = subprocess.run(
        [sys.executable, str(script), "--seconds", "15", "--threads", "4"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 faults" in done.stdout
