"""What the scripts beside it share: a server with the embedded model, its picture, and a line of what was tried."""

from __future__ import annotations

import contextlib
import io
import subprocess
import traceback
from collections.abc import Callable, Iterable, Iterator

QUESTION = "What shape is this?"
ANSWER = "Circle."


@contextlib.contextmanager
def served(ocellus: str, *more: str) -> Iterator[str]:
    """The address of a server with the embedded model, which ends with the block."""
    server = subprocess.Popen([ocellus, "serve", "--model", "demo", "--port", "0", "--backend-port", "0", *more],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    try:
        yield next(line.rsplit(" ", 1)[1].strip() for line in server.stdout if line.startswith("ocellus serving"))
    finally:
        server.terminate()
        server.wait()


def jpeg(root: str) -> bytes:
    """The picture of the red circle as cameras send it."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(f"{root}/examples/red-circle.png").convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


def tried(name: str, ask: Callable[[], Iterable[tuple[str, bool]]]) -> bool:
    """Prints what a client could do: what `ask` yields, or where it broke. False where anything is not right."""
    told = []
    try:
        for what, right in ask():
            told.append(what if right else f"{what}: WRONG")
    except Exception:
        told.append("FAILED: " + traceback.format_exc(limit=-2).strip().replace("\n", " | "))
    print(f"{name}: {'; '.join(told)}", flush=True)
    return not any("WRONG" in one or "FAILED" in one for one in told)
