"""Joins what ask_clients.py and make.mjs wrote: merge.py FILE... > made-by-libraries.json. Equal schemas are one."""

import json
import sys

made = {}
for file in sys.argv[1:]:
    with open(file) as text:
        for one in json.load(text):
            made.setdefault(json.dumps(one["schema"]), []).append(one)
lines = [
    json.dumps(
        {"by": sorted({one["by"] for one in same}), "name": same[0]["name"], "schema": same[0]["schema"]},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    for same in made.values()
]
print("[\n" + ",\n".join(lines) + "\n]")
