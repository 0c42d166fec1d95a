"""Medians and ranges of the rounds, as tables in markdown: python summary.py ROUNDS.jsonl"""

import json
import statistics
import sys

import shapes as s

NAMES = {
    "llama": "llama.cpp",
    "ik": "ik_llama.cpp",
    "llama_noflash": "llama.cpp, no flash attention",
}
COLUMNS = {  # title: unit, decimals
    "tower": ("s", 2),
    "prefill": ("tok/s", 0),
    "decode": ("tok/s", 1),
    "decode at 779": ("tok/s", 1),
    "answer": ("s", 1),
}


def of_peer(found, tower="tower_bf16_ms"):
    figures = {
        "prefill": found["prefill_tok_s"],
        "decode": found["decode_tok_s"],
        "decode at 779": found["decode_779_tok_s"],
    }
    if tower in found:
        figures["tower"] = found[tower] / 1e3
        figures["answer"] = composed(**{k.replace(" ", "_"): v for k, v in figures.items()})
    return figures


def composed(tower, prefill, decode_at_779, **_):
    return tower + s.PROMPT / prefill + s.ANSWER / decode_at_779


def of_ocellus(results):
    """The prefill is what the first token takes more than the tower; decoding behind it is what
    the answer takes more than its first token."""
    figures = {"decode": results["decode_0"]["value"]}
    if "answer_100" not in results:
        return figures
    first = next(v for k, v in results.items() if k.startswith("first_token"))
    tower = results["encode_5"]["value"] / 1e3
    answer = results["answer_100"]["value"] / 1e3
    figures["tower"] = tower
    figures["prefill"] = first["tokens"] / (first["value"] / 1e3 - tower)
    figures["decode at 779"] = (s.ANSWER - 1) / (answer - first["value"] / 1e3)
    figures["answer"] = answer
    return figures


def spread(values, unit, decimals):
    if not values:
        return "–"
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:.{decimals}f} ({low:.{decimals}f}–{high:.{decimals}f}) {unit}"


def main(path):
    rows = {}

    def add(name, figures):
        for column, value in figures.items():
            rows.setdefault(name, {}).setdefault(column, []).append(value)

    limits = {"read": [], "int8": []}
    for line in open(path):
        found = json.loads(line)
        for name, peer in found["peers"].items():
            if name == "ov":
                add("OpenVINO, tower bf16", of_peer(peer))
                add("OpenVINO, tower int8 weights", of_peer(peer, "tower_int8_ms"))
            else:
                add(NAMES.get(name, name), of_peer(peer))
        add("ocellus", of_ocellus(found["ocellus"]["results"]))
        add("ocellus", {"decode": found["limits"]["results"]["decode_0"]["value"]})
        for machine in (found["limits"]["machine"], found["ocellus"]["machine"]):
            limits["read"].append(machine["read_gbs"])
            limits["int8"].append(machine["int8_tops"])

    print("| engine |", " | ".join(COLUMNS), "|")
    print("| --- |" + " --- |" * len(COLUMNS))
    for name, row in sorted(rows.items()):
        cells = (spread(row.get(c, []), *how) for c, how in COLUMNS.items())
        print("|", name, "|", " | ".join(cells), "|")
    print()
    for name, unit in (("read", "GB/s"), ("int8", "TOPS")):
        print(f"limit, {name}:", spread(limits[name], unit, 2))
    peers = {n: r for n, r in rows.items() if n != "ocellus"}
    median = statistics.median
    best = {
        "tower": min(median(r["tower"]) for r in peers.values() if "tower" in r),
        "prefill": max(median(r["prefill"]) for r in peers.values()),
        "decode_at_779": max(median(r["decode at 779"]) for r in peers.values()),
    }
    whole, ours = composed(**best), median(rows["ocellus"]["answer"])
    print(f"best combination of peers: {best} = {whole:.1f} s; ocellus {ours:.1f} s,", end=" ")
    print(f"ratio {ours / whole:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
