"""Proves that includes go down the layers only, that what CMake links is what files include, and that
what differs between operating systems stands in one folder.

    tools/check_layers.py [ROOT]       prints every violation; status 1 when there is one

The layers, lowest first; those of one line never include each other:
"""

import pathlib
import re
import sys

LAYERS = [
    ["base"],
    ["io", "image", "kernels"],
    ["text", "ops"],
    ["models", "engines"],
    ["runtime"],
    ["api"],
    ["http"],
    ["apps"],
]
# The rooms of a layer, lowest first; those of one line never include each other. "." is the layer's
# own files, "registry" its registry.cpp, which alone knows every implementation.
ROOMS = {
    "base": [["system"], ["."]],
    "engines": [["."], ["cpu", "mlx", "reference"], ["registry"]],
    "image": [["."], ["isolated"]],
    "models": [["."], ["blocks"], ["phi3v"], ["registry"]],
    "runtime": [
        ["decode", "grammar"],
        ["."],
        ["cache", "quantize"],
        ["library"],
        ["hub", "serving"],
        ["bench", "hosting", "verify"],
    ],
    "api": [["."], ["config", "openai"], ["backend"], ["registry"]],
    "text": [["."], ["bytelevel", "sentencepiece"], ["registry"]],
}
# What each does, in a few words: tools/draw_layers.py makes docs/architecture.svg of these tables.
WORDS = {
    "apps": "the command line",
    "http": "sockets, routes, the page",
    "api": "JSON to requests and back",
    "api/.": "errors, defaults",
    "api/backend": "the original's port",
    "api/config": "settings",
    "api/openai": "OpenAI's fields",
    "api/registry": "lists all dialects",
    "runtime": "from request to answer",
    "runtime/.": "the request",
    "runtime/bench": "measurements",
    "runtime/cache": "what is computed once",
    "runtime/decode": "logits to text",
    "runtime/grammar": "JSON schemas",
    "runtime/hosting": "models in memory",
    "runtime/hub": "downloads",
    "runtime/library": "names to loaded models",
    "runtime/quantize": "fewer bits",
    "runtime/serving": "sessions, scheduler",
    "runtime/verify": "the certificate",
    "models": "what is computed",
    "models/.": "what a model promises",
    "models/blocks": "shared parts",
    "models/phi3v": "Phi-3.5-Vision",
    "models/registry": "lists all models",
    "engines": "how it is computed",
    "engines/.": "how to get one",
    "engines/cpu": "our kernels",
    "engines/mlx": "on MLX",
    "engines/reference": "exact",
    "engines/registry": "lists all engines",
    "ops": "the operations between the two: models ask, engines compute",
    "io": "files, JSON",
    "image": "decoding, resizing",
    "image/.": "formats, rows",
    "image/isolated": "in a helper",
    "text": "tokens",
    "text/.": "for all kinds",
    "text/bytelevel": "GPT-2's",
    "text/registry": "all kinds",
    "text/sentencepiece": "Llama's",
    "kernels": "SIMD loops",
    "base": "what every layer needs",
    "base/.": "errors, log, text",
    "base/system": "what differs between systems",
}
# What no file of a layer includes, and why.
SHUT = {"http": (re.compile(r'[<"](?:boost/json|io/json)'), "JSON is read and written in api")}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ROOM_LEVEL = {layer: {name: level for level, names in enumerate(rooms) for name in names}
              for layer, rooms in ROOMS.items()}
# What differs between systems stands below src/base/system only: names that one system has, its
# headers, and its files. Sockets and the POSIX calls of files and signals may be used anywhere.
OF_ONE_SYSTEM = re.compile(
    r"\b(__linux__|__APPLE__|__GLIBC__|__FreeBSD__|_WIN32|MADV_\w+|MLOCK_ONFAULT|POSIX_FADV_\w+|RENAME_EXCHANGE"
    r"|RENAME_SWAP|RLIMIT_\w+|sysctlbyname|sched_getaffinity|SYS_\w+)\b|\"/(proc|sys)\b"
    r"|<(mach|mach-o|asm|linux)/|<(sys/(auxv|file|resource|syscall|sysctl)|malloc|sched)\.h>")
SYSTEM_FOLDER = "src/base/system/"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def undescribed() -> list[str]:
    """Layers and rooms of these tables that WORDS says nothing about."""
    rooms = [f"{layer}/{name}" for layer, rows in ROOMS.items() for row in rows for name in row]
    return [name for name in [*LEVEL, *rooms] if name not in WORDS]


def layer_of(path: pathlib.PurePath) -> str | None:
    """src/http/x.h -> http, apps/ocellus/x.cpp -> apps"""
    return "apps" if path.parts[0] == "apps" else path.parts[1] if len(path.parts) > 2 else None


def room_of(path: pathlib.PurePath) -> str:
    """Of a path below src/: runtime/hub/x.h -> hub, runtime/x.h -> ."""
    return path.parts[1] if len(path.parts) > 2 else "registry" if path.name == "registry.cpp" else "."


def check_room(own: pathlib.PurePath, included: str) -> str | None:
    """What is wrong with an include within a layer, both below src/."""
    layer = own.parts[0]
    level = ROOM_LEVEL.get(layer, {".": 0})
    here, there = room_of(own), room_of(pathlib.PurePath(included))
    for room in (here, there):
        if room not in level and room != "registry":
            return f"{layer}/{room} has no rank (tools/check_layers.py lists them)"
    if here != there and level.get(there, 0) >= level.get(here, 0):
        return f'{layer}/{here} may not include {layer}/{there} ("{included}")'
    return None


def check(root: pathlib.Path) -> list[str]:
    wrong = [f"{name} has no words (WORDS in tools/check_layers.py)" for name in undescribed()]
    files = sorted(p for top in ("src", "apps") for p in (root / top).rglob("*")
                   if p.suffix in {".h", ".cpp"})
    for path in files:
        name = path.relative_to(root)
        own = layer_of(name)
        if own not in LEVEL:
            wrong.append(f"{name}: {own} is no layer (tools/check_layers.py lists them)")
            continue
        for included in INCLUDE.findall(path.read_text(encoding="utf-8")):
            other = included.split("/")[0]
            beside = (path.parent / included).exists()
            if not beside and not (root / "src" / included).exists():
                wrong.append(f'{name}: "{included}" is neither below src/ nor beside the file')
            elif not beside and other != own and LEVEL[other] >= LEVEL[own]:
                wrong.append(f'{name}: {own} may not include {other} ("{included}")')
            elif not beside and other == own and own != "apps":
                if found := check_room(name.relative_to("src"), included):
                    wrong.append(f"{name}: {found}")
        shut, why = SHUT.get(own, (None, ""))
        for line in path.read_text(encoding="utf-8").splitlines() if shut else ():
            if line.lstrip().startswith("#") and shut.search(line):
                wrong.append(f"{name}: {own} may not have {line.strip()}: {why}")
        wrong += check_system(name.as_posix(), path.read_text(encoding="utf-8"))
        if re.search(r'#\s*include\s+"\.\./', path.read_text(encoding="utf-8")):
            wrong.append(f"{name}: includes through ../")
    wrong += check_links(root)
    if not files:
        wrong.append(f"{root}: no sources")
    return wrong


def check_system(name: str, text: str) -> list[str]:
    """A file outside of src/base/system names no system."""
    if name.startswith(SYSTEM_FOLDER):
        return []
    found = sorted({match.group() for match in OF_ONE_SYSTEM.finditer(text)})
    return [f"{name}: {what} belongs below {SYSTEM_FOLDER}" for what in found]


def check_links(root: pathlib.Path) -> list[str]:
    """A layer's CMakeLists.txt may link layers below it only."""
    wrong = []
    for path in sorted((root / "src").glob("*/CMakeLists.txt")):
        own = path.parent.name
        for other in re.findall(r"\boc_(\w+)", path.read_text(encoding="utf-8")):
            if other in LEVEL and other != own and LEVEL[other] >= LEVEL[own]:
                wrong.append(f"{path.relative_to(root)}: {own} may not link {other}")
    return wrong


def main() -> int:
    if "--help" in sys.argv or len(sys.argv) > 2:
        print(__doc__.strip() + "\n  " + "\n  ".join(" ".join(names) for names in LAYERS))
        for layer, rooms in ROOMS.items():
            print(f"rooms of {layer}: " + " < ".join(" ".join(names) for names in rooms))
        return 0 if "--help" in sys.argv else 2
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else pathlib.Path(__file__).resolve().parents[1]
    wrong = check(root)
    print("\n".join(wrong) if wrong else "layers: includes and links only go down, systems differ in one folder")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
