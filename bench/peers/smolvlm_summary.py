"""Medians and ranges of the rounds of smolvlm_round.py, as tables in markdown:
python smolvlm_summary.py ROUNDS.jsonl"""

import json
import statistics
import sys

from summary import spread

COLUMNS = {  # title: unit, decimals
    "first token": ("s", 2),
    "tower": ("s", 2),
    "prompt alone": ("tok/s", 0),
    "decode": ("tok/s", 1),
    "answer": ("s", 2),
}
NAMES = {"ocellus": "ocellus", "llama": "llama.cpp"}


def figures(found):
    """Of one engine in one round; all but the tower are the client's own times."""
    reply = found["picture"]
    row = {
        "first token": reply["first_s"],
        "decode": (reply["answer"] - 1) / (reply["whole_s"] - reply["first_s"]),
        "answer": reply["whole_s"],
    }
    if "views" in reply:
        row["tower"] = sum(tower for tower, _ in reply["views"]) / 1e3
    else:
        row["tower"] = reply["own"]["encode_ms"] / 1e3
    if "text" in found:
        row["prompt alone"] = found["text"]["prompt"] / found["text"]["first_s"]
    return row


def without_a_view(found):
    """What llama.cpp's answer would take with one view fewer: its tower and its tokens."""
    reply = found["picture"]
    return reply["whole_s"] - statistics.mean(sum(v) for v in reply["views"]) / 1e3


def main(path):
    cases = {}
    for line in open(path):
        found = json.loads(line)
        cases.setdefault(found["case"], []).append(found)
    for name, rounds in cases.items():
        rows = {e: [figures(r[e]) for r in rounds] for e in NAMES}
        prompts = {e: rounds[0][e]["picture"]["prompt"] for e in NAMES}
        views, answer = rounds[0]["views"], rounds[0]["ocellus"]["picture"]["answer"]
        print(f"\n{name}: views {views}, prompt {prompts}, answer {answer}, {len(rounds)} rounds\n")
        print("| engine |", " | ".join(COLUMNS), "|")
        print("| --- |" + " --- |" * len(COLUMNS))
        for engine, title in NAMES.items():
            cells = (
                spread([r[c] for r in rows[engine] if c in r], *how) for c, how in COLUMNS.items()
            )
            print("|", title, "|", " | ".join(cells), "|")
        ratios = []
        for column in COLUMNS:
            both = [[r[column] for r in rows[e] if column in r] for e in NAMES]
            medians = [statistics.median(values) for values in both if values]
            ratios.append(f"{medians[0] / medians[1]:.2f}" if len(medians) == 2 else "–")
        print("| ratio |", " | ".join(ratios), "|")
        if views["ocellus"] < views["llama"]:
            fewer = [without_a_view(r["llama"]) for r in rounds]
            print(f"\nllama.cpp with one view fewer, computed: {spread(fewer, 's', 2)}")
        stolen = [r[e]["stolen"] for r in rounds for e in NAMES]
        print(f"\nstolen by the host: at most {max(stolen):.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
