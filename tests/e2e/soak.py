#!/usr/bin/env python3
"""Asks the same questions again and again: the thousandth answer must be the first one.

    tests/e2e/soak.py --url http://127.0.0.1:8080 --requests 1000 --pid PID
    tests/e2e/soak.py --serve --requests 1000      # starts the server itself

Requests alternate over the pictures, text-only turns and conversations of several turns. It fails on
an empty answer, on an answer that differs from that of the first pass, and, with --pid and at least
400 requests, when resident memory of the last 100 requests is more than 2 % off that of the first 100
behind the first pass.
"""

import argparse
import base64
import pathlib
import statistics
import sys
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUFFIXES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def pictures_of(folder, wanted):
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        sys.exit(f"no pictures in {folder}")
    return [
        {
            "type": "image_url",
            "image_url": {
                "url": f"data:{SUFFIXES[path.suffix.lower()]};base64,"
                + base64.b64encode(path.read_bytes()).decode()
            },
        }
        for path in files[:wanted]
    ]


def user(*parts):
    return {"role": "user", "content": [p if isinstance(p, dict) else text(p) for p in parts]}


def text(words):
    return {"type": "text", "text": words}


def conversations(pictures):
    """Every request of one pass: for each picture a question, words alone, and several turns."""
    out = []
    for i, picture in enumerate(pictures):
        other = pictures[(i + 1) % len(pictures)]
        out.append([user(picture, "Describe the picture.")])
        out.append([user(f"What comes after {i}?")])
        out.append(
            [
                user(picture, "What is in the picture?"),
                {"role": "assistant", "content": "Several shapes."},
                user("How many are there?"),
            ]
        )
        out.append([user(picture, other, "What is different?")])
    return out


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    sys.exit(f"no VmRSS for process {pid}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--images", type=pathlib.Path, default=ROOT / "examples")
    parser.add_argument("--pictures", type=int, default=20, help="most pictures to use")
    parser.add_argument("--max-tokens", type=int, default=32)
    parser.add_argument("--pid", type=int, help="the server's process, to watch its memory")
    parser.add_argument("--api-key", default="unused")
    parser.add_argument("--serve", action="store_true", help="start a server and watch its memory")
    options = parser.parse_args()
    if not options.serve:
        return ask(options)

    from conftest import Server

    # Small caches are full at once: what grows behind that is no cache.
    server = Server("--image-cache", "4", "--response-cache-mb", "1", "--kv-memory", "64",
                    env={"LOG_LEVEL": "info"})  # fmt: skip
    try:
        options.url, options.pid = server.url, server.pid
        return ask(options)
    finally:
        server.end()


def ask(options):
    work = conversations(pictures_of(options.images, options.pictures))
    first, empty, different, resident = {}, 0, 0, []
    begin = time.monotonic()
    with httpx.Client(
        base_url=options.url,
        timeout=600,
        headers={"Authorization": f"Bearer {options.api_key}"},
    ) as client:
        for i in range(options.requests):
            turn = i % len(work)
            body = {"messages": work[turn], "max_tokens": options.max_tokens}
            response = client.post("/v1/chat/completions", json=body)
            if response.status_code != 200:
                sys.exit(f"request {i}: {response.status_code} {response.text}")
            answer = response.json()["choices"][0]["message"]["content"]
            if not answer.strip():
                empty += 1
                print(f"request {i}: empty answer: {response.text}", file=sys.stderr)
            if first.setdefault(turn, answer) != answer:
                different += 1
                print(f"request {i}: {answer!r} was {first[turn]!r}", file=sys.stderr)
            if options.pid:
                resident.append(resident_kib(options.pid))

    seconds = time.monotonic() - begin
    summary = (
        f"{options.requests} requests, {empty} empty, {different} different, "
        f"{len(work)} conversations, {seconds:.1f} s"
    )
    failed = empty > 0 or different > 0
    if resident:
        # During the first pass buffers grow to the size of the largest request.
        settled = resident[len(work) :] if options.requests >= len(work) + 200 else resident
        start, end = statistics.mean(settled[:100]), statistics.mean(settled[-100:])
        summary += (
            f", resident {start / 1024:.1f} MiB then {end / 1024:.1f} MiB"
            f" ({(end / start - 1) * 100:+.2f} %), most {max(resident) / 1024:.1f} MiB"
        )
        if options.requests >= 400:
            failed = failed or abs(end / start - 1) > 0.02
    print(summary)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
