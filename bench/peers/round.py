"""One round: the machine's limits, the peers that wait at their sockets, then ocellus with the
limits once more (or ocellus first: --swap). Appends one JSON line to --out."""

import argparse
import json
import subprocess
import time

import numpy as np

from resident import ask


def ocellus(program, model, parts):
    """`ocellus bench`: name -> its result, and the limits that it measured first."""
    command = [program, "bench", "--model", model, "--quick", "--json", "--threads", "2"]
    report = json.loads(subprocess.check_output([*command, "--only", parts]))
    found = {}
    for one in report["results"]:
        amount = next(one[k] for k in ("views", "tokens", "context", "cache") if k in one)
        found[f"{one['name']}_{amount}"] = one
    return {"machine": report["machine"], "results": found}


def stolen():
    """Ticks that the host took away from this virtual machine, and all ticks."""
    ticks = [int(n) for n in open("/proc/stat").readline().split()[1:9]]
    return np.array([ticks[7], sum(ticks)])


def watched(run):
    """The result of `run` and the share of processor time that was stolen meanwhile."""
    before = stolen()
    result = run()
    steal, total = stolen() - before
    return {"stolen": round(float(steal / max(total, 1)), 3), **result}


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("peers", nargs="+", metavar="NAME=SOCKET")
    asked.add_argument("--ocellus", required=True, help="the program")
    asked.add_argument("--model", required=True, help="the synthetic checkpoint")
    asked.add_argument("--only", default="encode,answer,decode")
    asked.add_argument("--out", required=True)
    asked.add_argument("--swap", action="store_true", help="ocellus before the peers")
    args = asked.parse_args()
    began = time.time()
    found = {"began": time.strftime("%H:%M:%S"), "swap": args.swap, "peers": {}}

    def peers():
        found["limits"] = ocellus(args.ocellus, args.model, "decode")  # and its speed of decoding
        for peer in args.peers:
            print(f"{time.time() - began:.0f} s: {peer}", flush=True)
            name, path = peer.split("=", 1)
            found["peers"][name] = watched(lambda: ask(path))
            print(f"{time.time() - began:.0f} s: {name} {found['peers'][name]}", flush=True)

    if not args.swap:
        peers()
    found["ocellus"] = watched(lambda: ocellus(args.ocellus, args.model, args.only))
    if args.swap:
        peers()
    found["took_s"] = time.time() - began
    with open(args.out, "a") as out:
        out.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
