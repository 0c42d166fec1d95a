"""A peer that has loaded its model waits for rounds: each connection is answered with one JSON
line of figures, measured then."""

import json
import os
import socket
import statistics

import shapes as s


def decoder_figures(decoder):
    """Of an object with reset() and step(tokens), which gives the milliseconds of one call."""

    def decode():
        return statistics.median(decoder.step(1) for _ in range(s.DECODE_STEPS))

    decoder.reset()
    decoder.step(1)
    short = decode()
    decoder.reset()
    prefill = decoder.step(s.PROMPT)
    return {
        "prefill_tok_s": s.PROMPT / prefill * 1e3,
        "decode_tok_s": 1e3 / short,
        "decode_779_tok_s": 1e3 / decode(),
    }


def serve(path, measure):
    if not path:
        for _ in range(2):
            print(json.dumps(measure()), flush=True)
        return
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        print("ready", flush=True)
        while True:
            with listener.accept()[0] as client:
                client.sendall((json.dumps(measure()) + "\n").encode())


def ask(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        return json.loads(client.makefile().readline())
