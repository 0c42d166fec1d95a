"""What schemas cost: time, memory and the count that admits them (docs/grammar.md has the figures).

    bench/grammar/schemas.py TOKENIZER END SIZE [--no-limits]

TOKENIZER is a model's tokenizer.json, END its end token, SIZE the width of its logits. Prints a line a
schema, sorted by how far the count is from the time, and what the dearest that is admitted takes.
Time is that of the process, so others on the machine matter little.
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "build/release/schema_tool"
UNITS_A_MS = 100  # of SchemaLimits::cost


def string(**more):
    return {"type": "string", **more}


def of_keys(properties, required=None):
    named = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": named, "additionalProperties": False}


def nested(levels):
    return {"type": "array", "items": nested(levels - 1)} if levels else string()


def kinds():
    out = {f"string of at most {n}": string(maxLength=n) for n in (10, 16, 17, 200, 2000, 10000)}
    out |= {f"string of at least {n}": string(minLength=n) for n in (1, 20, 80)}
    out |= {f"{n} lengths": of_keys({f"p{i}": string(maxLength=100 + i) for i in range(n)}) for n in (20, 100, 180)}
    out |= {f"{n} lengths with a least": of_keys({f"p{i}": string(minLength=1, maxLength=99 + i) for i in range(n)})
            for n in (10, 40)}  # fmt: skip
    out |= {f"enum of {n} words": {"enum": [f"word {i * 7919 % 10007} of them" for i in range(n)]}
            for n in (10, 100, 1000, 3000)}  # fmt: skip
    out["enum of 31 KB"] = {"enum": [f"{i:03}" + "a b " * 19 for i in range(390)]}
    out |= {f"{n} keys": of_keys({f"p{i}": string() for i in range(n)}) for n in (5, 80, 500)}
    out |= {f"{n} keys, optional": of_keys({f"p{i}": string() for i in range(n)}, []) for n in (5, 80, 300, 500)}
    out |= {f"array of {n}": {"type": "array", "items": string(), "minItems": n, "maxItems": 2 * n}
            for n in (3, 300, 5000)}  # fmt: skip
    out["60 counted arrays"] = {"anyOf": [{"type": "array", "items": {"$ref": "#"}, "maxItems": i} for i in range(60)]}
    out["nested in 25"] = nested(25)
    out |= {f"{n} bounded {kind}s": of_keys({f"p{i}": {"type": kind, "minimum": -12345.678 - i, "maximum": 98765.4 + 79 * i}
            for i in range(n)}) for n in (1, 100, 300) for kind in ("integer", "number")}  # fmt: skip
    out["multiples"] = {"anyOf": [{"type": "integer", "multipleOf": i} for i in range(37, 101)]}
    out["formats"] = of_keys({name: string(format=name) for name in ("date-time", "email", "hostname", "ipv6", "uri", "uuid")})
    out["20 emails"] = of_keys({f"p{i}": string(format="email") for i in range(20)})
    out["64 objects told apart"] = {"anyOf": [of_keys({"k": {"const": f"k{i}"}, "v": string()}) for i in range(64)]}
    out["references to an enum"] = {"type": "array", "prefixItems": [{"$ref": "#/$defs/e"}] * 90,
                                    "$defs": {"e": {"enum": ["a" * 100 + str(i) for i in range(10)]}}}  # fmt: skip
    out["20 equal patterns"] = of_keys({f"p{i}": string(pattern="^.{1,50}$") for i in range(20)})
    out |= {f"20 patterns of {name}": of_keys({f"p{i}": string(pattern=f"^{name}{{0,{60 - i}}}$") for i in range(20)})
            for name in (" ", "-", r"\d", "[A-Z]", "[ab]", "[-=*_ ]", "[^A-Za-z0-9 ]")}  # fmt: skip
    patterns = [r"^[a-z]{100}$", r"^[a-z]{0,100}$", r"^[A-Z]{100}$", r"^\d{100}$", r"^\w{100}$", r"^[^a]{100}$", r"^.{1,50}$",
                r"^.{1,100}$", r"^[A-Za-z0-9 ,.-]{1,100}$", r"^(.{0,20}){2}$", r"^(.{0,20}){4}$", r"^(.{0,40}){4}$",
                r"^.{0,50}.{0,50}$", r"^(.{0,5}){10}$", r"^(.?){20}$", r"^(.?){100}$", r"^(.*.*){5}$", r"^.*a.*b.*c.*$",
                r"^([a-z]{0,20}){4}$", r"^([a-z]* ?){10}$", r"^(( *)*)*$", r"^ {0,100}$", r"^(.|..|...){20}$",
                r"^((.?){10}){10}$", r"^[ab]*a[ab]{100}$", r"^(w1|w2|x|yz){20}$",
                r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"]  # fmt: skip
    return out | {f"pattern {one}": string(pattern=one) for one in patterns}


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    tokenizer, end, size, *options = sys.argv[1:]
    schemas = kinds()
    lines = "".join(json.dumps({"schema": schema}) + "\n" for schema in schemas.values())
    command = [TOOL, tokenizer, end, "--size", size, "--seconds", "20", *options]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    rows = []
    for name, line in zip(schemas, done.stdout.splitlines()):
        answer = json.loads(line)
        if "ms" not in answer:
            print(f"{name:45} {answer.get('died') or answer['error']['message'][:90]}")
            continue
        counted = answer["cost"] / UNITS_A_MS
        rows.append((max(answer["ms"], 1) / counted, name, answer["ms"], counted, answer["peak_kb"]))
    for over, name, ms, counted, peak in sorted(rows, reverse=True):
        print(f"{name:45} {ms:8.1f} ms, counted {counted:8.1f}, {over:6.2f} of it, at most {peak:6} KB")
    print(f"dearest: {max(row[2] for row in rows):.0f} ms, {max(row[4] for row in rows) / 1024:.1f} MB")


if __name__ == "__main__":
    main()
