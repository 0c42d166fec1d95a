"""Counts the tests in the JUnit files that the runners wrote, and says whether the goldens ran.

    tools/test_summary.py NAME=FILE|FOLDER...     one line a suite, one line for the goldens
"""

import pathlib
import sys
import xml.etree.ElementTree as xml

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "shared/golden"


def count(path: pathlib.Path) -> tuple[int, int, int, int]:
    """passed, failed, skipped, and how many of the skipped wanted the goldens"""
    files = sorted(path.glob("*.xml")) if path.is_dir() else [path] if path.exists() else []
    passed = failed = skipped = wanted = 0
    for file in files:
        for case in xml.parse(file).iter("testcase"):
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is not None:
                skipped += 1
                wanted += "golden" in skip.get("message", "") + (skip.text or "")
            else:
                passed += 1
    return passed, failed, skipped, wanted


def main() -> None:
    without = 0
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        passed, failed, skipped, wanted = count(pathlib.Path(path))
        without += wanted
        print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped")
    if GOLDEN.is_dir():
        state = "present, ran" if not without else f"present, but {without} tests skipped them"
    else:
        state = f"absent, skipped ({without} tests); the committed goldens ran"
    print(f"goldens: ../shared/golden {state}")


if __name__ == "__main__":
    main()
