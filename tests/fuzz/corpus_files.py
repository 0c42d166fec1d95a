"""Where the fuzzers' kept corpus lies, and how a file of it is written."""

import pathlib

CORPUS = pathlib.Path(__file__).parent / "corpus"
ENDS = {"1": b"\x00", "4": b"\x01", "full": b"\x07"}  # last byte: crops, and their size


def keep(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
