"""One round by turns on the servers of smolvlm_servers.py: for each case ocellus, then llama.cpp
(--swap: the other way round). Appends a JSON line for each case to --out."""

import argparse
import json
import time

from round import watched
from smolvlm_servers import ask, views_of


def measure(case, engine, answer):
    """A question about a picture with its whole answer, and (no camera) a text as long as that
    prompt: both new to the server."""
    found = {"picture": ask(engine, engine["words"], case["picture"], answer)}
    if "text_words" in engine:
        found["text"] = ask(engine, engine["text_words"], None, 2)
        for reply in found.values():
            assert reply["prompt"] == case["prompt"] and reply["cached"] < 16, reply
    return found


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("state", help="of smolvlm_servers.py")
    asked.add_argument("--only", nargs="*", help="names of cases")
    asked.add_argument("--answer", type=int, default=100, help="tokens")
    asked.add_argument("--camera-answer", type=int, default=20, help="tokens")
    asked.add_argument("--out", required=True)
    asked.add_argument("--swap", action="store_true", help="llama.cpp before ocellus")
    args = asked.parse_args()
    with open(args.state) as state:
        cases = json.load(state)
    began = time.time()
    for case in cases:
        if args.only and case["name"] not in args.only:
            continue
        found = {"began": time.strftime("%H:%M:%S"), "swap": args.swap, "case": case["name"]}
        answer = args.camera_answer if case.get("camera") else args.answer
        for engine in reversed(case["engines"]) if args.swap else case["engines"]:
            found[engine["name"]] = watched(lambda: measure(case, engine, answer))
            whole = found[engine["name"]]["picture"]["whole_s"]
            print(f"{time.time() - began:.0f} s: {case['name']}, {engine['name']}: {whole:.2f} s")
        found["views"] = {
            e["name"]: views_of(e, found[e["name"]]["picture"]) for e in case["engines"]
        }
        assert case.get("camera") or len(set(found["views"].values())) == 1, found["views"]
        with open(args.out, "a") as out:
            out.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
