#!/usr/bin/env python3
"""Good, bad and hostile requests side by side: the good ones must be answered as if they were alone.

    tests/e2e/hostile_soak.py [--seconds 600] [--seed 1] [--threads 6]

Starts the program that OCELLUS_BIN names. It fails when a good request is not answered, gets another
answer than alone, or an empty one without a reason; when an answer is a 500 or no HTTP at all; when
/health does not answer; when a bad request is not told so in the API's form; when the server ends or
a sanitizer reports; and when resident memory passes --most-mib. What was done is counted and printed.
"""

import argparse
import collections
import gzip
import io
import json
import random
import socket
import struct
import sys
import threading
import time
import zlib

import httpx

from conftest import Server, data_uri, drawing, picture_part, text_part, user
from test_server_malformed import CASES, LEAK, RAW

CHAT = "/v1/chat/completions"
PATIENCE = 300  # seconds until a request counts as hanging
BUSY = (429, 503)


class Fault(Exception):
    """What must not happen."""


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with_texts(count, each):
    """A small picture with `count` compressed texts of `each` bytes."""
    picture = drawing(1)
    text = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(each), 9))
    return picture[:33] + text * count + picture[33:]


def progressive(size):
    from PIL import Image

    out = io.BytesIO()
    Image.effect_noise((size, size), 60).convert("RGB").save(out, "JPEG", progressive=True, quality=30)
    return out.getvalue()


def with_many_scans(jpeg, times):
    """The last scan of a progressive picture again and again."""
    start, end = jpeg.rindex(b"\xff\xda"), jpeg.rindex(b"\xff\xd9")
    return jpeg[:end] + jpeg[start:end] * times + jpeg[end:]


class Storm:
    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.counts = collections.Counter()
        self.faults = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        self.slowest_health = 0.0
        self.most_kib = 0
        self.questions = [
            [user(picture_part(n), text_part(words))]
            for n in range(6)
            for words in ("Describe the picture.", "What shape is in the picture?")
        ]
        self.questions.append([user(text_part("What can you see?"))])
        self.questions.append(
            [
                user(picture_part(7), text_part("What is in the picture?")),
                {"role": "assistant", "content": "Several shapes."},
                user(text_part("How many are there?")),
            ]
        )
        self.texts = png_with_texts(200, 1 << 20)
        self.scans = with_many_scans(progressive(256), 150)
        self.bodies = {  # each some MB, so that a sanitizer build gets through them
            "numbers": b'{"messages":[' + b"1," * (4 << 20) + b"1]}",
            "nesting": b'{"messages":' + b"[" * (2 << 20) + b"]" * (2 << 20) + b"}",
            "objects": b'{"messages":[' + b'{"a":{}},' * (1 << 19) + b"{}]}",
            "keys": b"{" + b",".join(b'"k%d":0' % i for i in range(200_000)) + b"}",
            "long text": json.dumps({"messages": [user(text_part("a" * (8 << 20)))]}).encode(),
            "escapes": b'{"messages":[{"role":"user","content":"' + b"\\u00e9" * (1 << 20) + b'"}]}',
            "parts": json.dumps({"messages": [user(*[text_part("x")] * 50_000)]}).encode(),
        }

    def count(self, *what):
        with self._lock:
            self.counts[" ".join(map(str, what))] += 1

    # -- what is asked

    def learn(self):
        """The answers alone."""
        with httpx.Client(base_url=self.server.url, timeout=PATIENCE) as client:
            self.answers = [self.text_of(client.post(CHAT, json=self.body(q))) for q in self.questions]

    @staticmethod
    def body(question, **more):
        return {"messages": question, "max_tokens": 24, **more}

    def text_of(self, response):
        if response.status_code != 200:
            raise Fault(f"a good request: {response.status_code} {response.text[:300]}")
        document = response.json()
        text = document["choices"][0]["message"]["content"]
        if not text.strip() and not document.get("warning"):
            raise Fault(f"an empty answer without a reason: {response.text[:300]}")
        return text

    def good(self, client, rng):
        which = rng.randrange(len(self.questions))
        stream = rng.random() < 0.4
        body = self.body(self.questions[which], stream=stream)
        until = time.monotonic() + PATIENCE
        while True:
            response = client.post(CHAT, json=body)
            if response.status_code not in BUSY:
                break
            self.count("good", "told to wait", response.status_code)
            if time.monotonic() > until:
                raise Fault(f"a good request was told to wait for {PATIENCE} s: {response.text[:300]}")
            time.sleep(0.2)
        if stream and response.status_code == 200:
            events = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
            if not events or events[-1] != "[DONE]":
                raise Fault(f"a stream without an end: {response.text[-300:]}")
            chunks = [json.loads(event) for event in events[:-1]]
            if any("error" in chunk for chunk in chunks):
                raise Fault(f"a good stream failed: {response.text[-300:]}")
            text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
        else:
            text = self.text_of(response)
        if text != self.answers[which]:
            raise Fault(f"{text!r} was {self.answers[which]!r} alone")
        self.count("good", "stream" if stream else "whole", "right")

    def looks(self, client, rng):
        path = rng.choice(["/stats", "/metrics", "/v1/models", "/status", "/", "/v1/models/demo"])
        status = client.get(path).status_code
        if status >= 500:
            raise Fault(f"GET {path}: {status}")
        self.count("looks", status)

    def wrong(self, response, *name):
        """An answer to what was bad: any status but a 5xx of our own making."""
        if response.status_code >= 500 and response.status_code not in (501, 503):
            raise Fault(f"{name}: {response.status_code} {response.text[:300]}")
        if response.status_code >= 400:
            error = response.json()["error"]
            if not error["message"] or LEAK.search(response.text):
                raise Fault(f"{name}: {response.text[:300]}")
        self.count(*name, response.status_code)

    def bad(self, client, rng):
        _, body = rng.choice(CASES)
        headers = {"content-type": "application/json"}
        self.wrong(client.post(CHAT, content=body, headers=headers), "bad body")

    def bad_http(self, client, rng):
        wire, status = RAW[rng.choice(list(RAW))]
        with self.connect() as connection:
            connection.sendall(wire)
            connection.shutdown(socket.SHUT_WR)
            answer = self.drain(connection)
        if not answer.startswith(b"HTTP/1."):
            raise Fault(f"no HTTP to {wire[:80]!r}: {answer[:200]!r}")
        self.count("bad http", answer.split()[1].decode())

    def sampling(self, client, rng):
        extreme = [0, -0.0, 1e-38, 1e-45, 5e-324, 1e38, 3.5e38, 1.7e308, -1e308, 1, 2, -2, 0.01, 100, 1e-7]
        fields = ["temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty",
                  "frequency_penalty"]  # fmt: skip
        body = self.body(rng.choice(self.questions), max_tokens=4)
        for field in rng.sample(fields, rng.randint(1, 4)):
            body[field] = rng.choice(extreme)
        if rng.random() < 0.7:  # or the others play no part
            body["temperature"] = 1
        if rng.random() < 0.5:
            body["logit_bias"] = {str(i): rng.choice([-100, 100, 0]) for i in range(rng.randint(1, 300))}
        body["seed"], body["top_k"] = rng.getrandbits(50), rng.choice([0, 1, 50, 2**31 - 1])
        self.wrong(client.post(CHAT, json=body), "sampling")

    def mutated(self, client, rng):
        body = bytearray(json.dumps(self.body(self.questions[rng.randrange(12)], max_tokens=2)).encode())
        for _ in range(rng.choice([1, 2, 8, 64])):
            at = rng.randrange(len(body))
            body[at : at + rng.randrange(3)] = bytes(rng.randrange(256) for _ in range(rng.randrange(3)))
        headers = {"content-type": "application/json"}
        self.wrong(client.post(CHAT, content=bytes(body), headers=headers), "mutated")

    def large(self, client, rng):
        name = rng.choice(list(self.bodies))
        headers = {"content-type": "application/json"}
        self.wrong(client.post(CHAT, content=self.bodies[name], headers=headers), "large", name)

    def gzip_bomb(self, client, rng):
        body = gzip.compress(bytes(rng.choice([1, 100]) << 20))
        headers = {"content-type": "application/json", "content-encoding": rng.choice(["gzip", "br", "x"])}
        self.wrong(client.post(CHAT, content=body, headers=headers), "gzip")

    def pictures(self, client, rng):
        kind = rng.choice(["texts", "scans", "bits", "cut"])
        data = {"texts": self.texts, "scans": self.scans}.get(kind) or drawing(rng.randrange(50))
        if kind == "bits":
            data = bytearray(data)
            for _ in range(5):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if kind == "cut":
            data = data[: rng.randrange(len(data))]
        part = {"type": "image_url", "image_url": {"url": data_uri(bytes(data))}}
        turn = [user(*[part] * rng.choice([1, 1, 4]), text_part("What is it?"))]
        self.wrong(client.post(CHAT, json={"messages": turn, "max_tokens": 2}), "picture", kind)

    def camera(self, client, rng):
        body = self.body(rng.choice(self.questions), max_tokens=4)
        body |= {"stream_key": "door", "policy": "latest_wins"}
        self.wrong(client.post(CHAT, json=body), "camera")

    def greedy(self, client, rng):
        """As many answers as one may ask for, as long as they may be; gone after a while."""
        body = {"messages": rng.choice(self.questions), "n": rng.choice([8, 8, 4]), "temperature": 1.5}
        self.leave(json.dumps(body).encode(), rng.uniform(0.1, 4))
        self.count("greedy", "left")

    def leaver(self, client, rng):
        question = [user(*[picture_part(i, detail="high") for i in range(6)], text_part("Describe."))]
        body = json.dumps({"messages": question, "stream": rng.random() < 0.5}).encode()
        self.leave(body, rng.uniform(0, 1), rng.choice([len(body), rng.randrange(len(body))]))
        self.count("leaver", "left")

    def silent(self, client, rng):
        """Bodies and headers of which the last byte does not come, for a while."""
        open_ones = [self.connect() for _ in range(rng.choice([1, 20]))]
        for connection in open_ones:
            if rng.random() < 0.5:
                connection.sendall(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: loc")
            else:
                connection.sendall(self.head(1 << 20) + b" " * ((1 << 20) - 1))
        self.over.wait(rng.uniform(0, 5))
        for connection in open_ones:
            connection.close()
        self.count("silent", len(open_ones))

    # -- how it is sent

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)

    @staticmethod
    def head(length):
        return (
            f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n\r\n"
        ).encode()

    @staticmethod
    def drain(connection):
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer

    def leave(self, body, seconds, sent=None):
        with self.connect() as connection:
            connection.sendall(self.head(len(body)) + body[:sent])
            self.over.wait(seconds)

    # -- the run

    def actor(self, number):
        rng = random.Random(f"{self.seed} {number}")
        # Two in three do good things, so that there is always someone to harm.
        deeds = [self.good] * 12 + [self.looks, self.bad, self.bad, self.bad_http, self.sampling,
                 self.mutated, self.large, self.gzip_bomb, self.pictures, self.camera,
                 self.greedy, self.leaver, self.silent]  # fmt: skip
        if number == 0:
            deeds = [self.good]
        while not self.over.is_set():
            deed = rng.choice(deeds)
            try:
                with httpx.Client(base_url=self.server.url, timeout=PATIENCE) as client:
                    deed(client, rng)
            except (httpx.TransportError, ConnectionError) as gone:
                # A refused body may be cut off before all of it is sent; a good one never is.
                if deed == self.good or isinstance(gone, httpx.TimeoutException):
                    self.fault(f"{deed.__name__}: {gone!r}")
                else:
                    self.count(deed.__name__, "cut off")
            except Fault as fault:
                self.fault(f"{deed.__name__}: {fault}")
            except Exception as broken:  # hangs as well
                self.fault(f"{deed.__name__}: {broken!r}")

    def fault(self, words):
        self.faults.append(words)
        print(f"FAULT {words}", file=sys.stderr, flush=True)

    def watch(self):
        with httpx.Client(base_url=self.server.url, timeout=PATIENCE) as client:
            while not self.over.wait(0.25):
                begin = time.monotonic()
                try:
                    status = client.get("/health").status_code
                    if status != 200:
                        self.fault(f"/health: {status}")
                except Exception as broken:
                    self.fault(f"/health: {broken!r}")
                self.slowest_health = max(self.slowest_health, time.monotonic() - begin)
                try:
                    for line in open(f"/proc/{self.server.pid}/status"):
                        if line.startswith("VmHWM:"):
                            self.most_kib = int(line.split()[1])
                except OSError:
                    self.fault("the server ended")
                    return

    def run(self, seconds, threads):
        self.learn()
        crowd = [threading.Thread(target=self.actor, args=(n,), daemon=True) for n in range(threads)]
        crowd.append(threading.Thread(target=self.watch, daemon=True))
        for one in crowd:
            one.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.server.process.poll() is None:
            time.sleep(0.2)
        self.over.set()
        for one in crowd:
            one.join(timeout=PATIENCE)
        if any(one.is_alive() for one in crowd):
            self.fault("a client hangs")
        if self.server.process.poll() is None:
            self.learn_again()
        else:
            self.fault(f"the server ended with status {self.server.process.returncode}")

    def learn_again(self):
        before = self.answers
        self.learn()
        if self.answers != before:
            self.fault("behind the storm the answers are others")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-mib", type=int, default=4096, help="of resident memory")
    options = parser.parse_args()

    server = Server("--max-memory-mb", "256", env={"LOG_LEVEL": "info"})
    storm = Storm(server, options.seed)
    try:
        storm.run(options.seconds, options.threads)
    finally:
        try:
            server.end()
        except AssertionError as report:
            storm.fault(str(report)[:20_000])
    for what, count in sorted(storm.counts.items()):
        print(f"{count:8} {what}")
    good = sum(n for what, n in storm.counts.items() if what.startswith("good") and "right" in what)
    total = sum(storm.counts.values())
    if not good:
        storm.fault("no good request was answered")
    if storm.most_kib > options.most_mib << 10:
        storm.fault(f"resident memory reached {storm.most_kib >> 10} MiB")
    print(
        f"{total} requests, {good} good ones answered right, {len(storm.faults)} faults; "
        f"slowest /health {storm.slowest_health:.2f} s, most resident {storm.most_kib >> 10} MiB"
    )
    return 1 if storm.faults else 0


if __name__ == "__main__":
    sys.exit(main())
