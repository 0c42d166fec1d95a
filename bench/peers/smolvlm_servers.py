"""Starts `ocellus serve` and llama.cpp's llama-server on SmolVLM2 in the same shapes, checks that
their prompts have the same number of tokens, writes where they are into a file for
smolvlm_round.py, and waits until it is stopped."""

import argparse
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import time

import chat

THREADS = 2
FIELDS = {
    # no guessed tokens: a random model repeats itself, so they would always be right
    "ocellus": {"draft_tokens": 0},
    "llama": {"ignore_eos": True, "cache_prompt": False, "top_k": 1},
}
START = 5  # words of a question, or more
LOG_TIME = re.compile(r"^(\d+)\.(\d+)\.(\d+)\.(\d+) ")  # minutes, seconds, ms, us


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, log):
    """The process and its port; it writes to `log`."""
    port = free_port()
    with open(log, "wb") as out:
        command = [*command, "--port", str(port)]
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT), port


def start_ocellus(args, checkpoint, log):
    command = [args.ocellus, "serve", "--model", checkpoint, "--threads", str(THREADS)]
    return start([*command, "--backend-port", "0", "--log-level", "warning"], log)


def start_llama(args, decoder, tower, log, *more):
    command = [args.llama, "-m", decoder, "--mmproj", tower, "-c", "4096", "--host", "127.0.0.1"]
    command += ["-t", str(THREADS), "-tb", str(THREADS), "-fa", "on", "-np", "1"]
    command += ["--cache-ram", "0", "--no-cache-prompt", "-lv", "4", "--log-timestamps"]
    return start([*command, *more], log)


def wait(process, port):
    while True:
        assert process.poll() is None, f"ended: {process.args}"
        try:
            probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            probe.request("GET", "/health")
            if probe.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)


def view_times(log, behind):
    """Milliseconds of each view in llama.cpp's log from byte `behind` on: (in the tower, in the
    decoder)."""
    begin, found = None, []
    for line in pathlib.Path(log).read_bytes()[behind:].decode(errors="replace").splitlines():
        stamp = LOG_TIME.match(line)
        if not stamp:
            continue
        minutes, seconds, ms, us = (int(n) for n in stamp.groups())
        now = (minutes * 60 + seconds) * 1e3 + ms + us / 1e3
        if "encoding mtmd batch" in line:
            begin = now
        elif "decoding image batch" in line:
            encoded = now
        elif "image decoded" in line:
            found.append((encoded - begin, now - encoded))
    return found


def views_of(engine, reply):
    if engine["name"] == "llama":
        return len(reply["views"])
    rows, cols = reply["images"][0]["tiles"]
    return rows * cols + 1


def ask(engine, words, size, tokens):
    """A question of so many words, about a new picture of that size where there is one."""
    content = chat.message(words, size)
    behind = pathlib.Path(engine["log"]).stat().st_size
    reply = chat.ask(engine["port"], content, tokens, engine["fields"])
    if engine["name"] == "llama":
        reply["views"] = view_times(engine["log"], behind)
    return reply


def count(engine, words, size):
    if engine["name"] == "llama":
        return chat.counted(engine["port"], chat.message(words, size))
    return ask(engine, words, size, 1)["prompt"]


def check(engines, size):
    """Gives each engine its `words` about a picture and `text_words` without one, so that all
    prompts have as many tokens as the longest: a word is a token. smolvlm_round.py asserts it of
    each reply, and that both made as many views."""
    prompts = [count(e, START, size) for e in engines]
    for engine, prompt in zip(engines, prompts):
        engine["words"] = START + max(prompts) - prompt
        engine["text_words"] = START + max(prompts) - count(engine, START, None)
        for words, picture in (engine["words"], size), (engine["text_words"], None):
            assert count(engine, words, picture) == max(prompts), (engine["name"], prompts)
        ask(engine, START, None, 2)  # warm
    return {"prompt": max(prompts)}


def main():
    args_of = argparse.ArgumentParser()
    args_of.add_argument("pairs", nargs="+", metavar="NAME=CHECKPOINT,DECODER.gguf,TOWER.gguf")
    args_of.add_argument("--ocellus", required=True, help="the program")
    args_of.add_argument("--llama", required=True, help="llama-server")
    args_of.add_argument("--picture", type=int, nargs=2, default=(640, 480))
    args_of.add_argument(
        "--camera", nargs="*", default=[], help="names asked in one view too (llama.cpp: two)"
    )
    args_of.add_argument("--logs", default="/tmp", help="folder")
    args_of.add_argument("--state", required=True, help="file to write")
    args = args_of.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: exit())
    processes, cases = [], []

    def engine(name, started, log):
        processes.append(started[0])
        wait(*started)
        return {"name": name, "port": started[1], "log": log, "fields": dict(FIELDS[name])}

    try:
        for pair in args.pairs:
            name, files = pair.split("=", 1)
            checkpoint, decoder, tower = files.split(",")
            log = f"{args.logs}/{name}-ocellus.log"
            ours = engine("ocellus", start_ocellus(args, checkpoint, log), log)
            log = f"{args.logs}/{name}-llama.log"
            theirs = engine("llama", start_llama(args, decoder, tower, log), log)
            case = {"name": name, "picture": args.picture, "engines": [ours, theirs]}
            cases.append(case | check([ours, theirs], args.picture))
            if name in args.camera:
                # its least: one tile and the view of the whole
                log = f"{args.logs}/{name}-llama-camera.log"
                more = ["--image-max-tokens", "64"]
                theirs = engine("llama", start_llama(args, decoder, tower, log, *more), log)
                ours = ours | {"fields": ours["fields"] | {"do_image_splitting": 0}}
                del ours["text_words"]
                ours["words"] = theirs["words"] = START
                case = {"name": f"{name}, camera", "picture": args.picture, "camera": True}
                cases.append(case | {"engines": [ours, theirs]})
        for case in cases:
            print(json.dumps(case))
        pathlib.Path(args.state).write_text(json.dumps(cases))
        print("ready", flush=True)
        signal.pause()
    finally:
        for process in processes:
            process.terminate()


if __name__ == "__main__":
    main()
