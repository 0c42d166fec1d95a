"""Checks every #include below src/ and apps/: it goes down, between layers and between the rooms of a
layer, and into a closed room only from where its row says. A layer's CMakeLists.txt links what lies
below it. What it knows of single operating systems (their headers, macros, calls and folders: the
lists here) stands below src/base/system only.

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
    "models": [["."], ["blocks"], ["phi3v", "smolvlm", "moondream"], ["registry"]],
    "runtime": [
        ["decode", "eval", "grammar"],
        ["."],
        ["cache", "quantize"],
        ["library"],
        ["hub", "serving"],
        ["bench", "hosting", "verify"],
        ["sources"],
    ],
    "api": [
        ["."],
        ["config", "openai"],
        ["completions", "responses"],
        ["anthropic", "backend", "moondream", "ollama"],
        ["registry", "openapi"],
        ["offline"],
        ["mcp"],
    ],
    "text": [["."], ["bytelevel", "sentencepiece"], ["registry"]],
}
# What each does, in a few words: tools/draw_layers.py makes docs/architecture.svg of these tables.
WORDS = {
    "apps": "the command line",
    "http": "sockets, routes, the page",
    "api": "JSON to requests and back",
    "api/.": "errors, defaults",
    "api/anthropic": "Messages",
    "api/backend": "second port",
    "api/completions": "OpenAI's older ones",
    "api/config": "settings",
    "api/mcp": "agents' eyes",
    "api/moondream": "its tasks",
    "api/offline": "many, no server",
    "api/ollama": "Ollama's",
    "api/openai": "OpenAI's fields",
    "api/openapi": "all of it, told",
    "api/registry": "lists all dialects",
    "api/responses": "OpenAI's newer ones",
    "runtime": "from request to answer",
    "runtime/.": "the request",
    "runtime/bench": "measurements",
    "runtime/cache": "what is computed once",
    "runtime/decode": "logits to text",
    "runtime/eval": "right answers",
    "runtime/grammar": "JSON schemas",
    "runtime/hosting": "models in memory",
    "runtime/hub": "downloads",
    "runtime/library": "names to loaded models",
    "runtime/quantize": "fewer bits",
    "runtime/serving": "sessions, scheduler",
    "runtime/sources": "pictures from elsewhere",
    "runtime/verify": "the certificate",
    "models": "what is computed",
    "models/.": "what a model promises",
    "models/blocks": "shared parts",
    "models/phi3v": "3.5",
    "models/registry": "lists all models",
    "models/smolvlm": "2",
    "models/moondream": "2",
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
    "base/.": "errors, log, threads",
    "base/system": "what differs between systems",
}
# Closed rooms (and layers), and who may include them besides themselves: what a model family, an
# engine, a kind of tokenizer or a dialect consists of is nobody's matter but its registry's. Where a
# layer has one, all its rooms are here.
CLOSED = {
    "kernels": ["engines/cpu", "runtime/bench"],
    "image/isolated": [],  # runs in a process of its own: image/image_helper.h starts it
    "text/bytelevel": ["text/registry"],
    "text/sentencepiece": ["text/registry"],
    "models/blocks": ["models/phi3v", "models/smolvlm", "models/moondream"],
    "models/phi3v": ["models/registry"],
    "models/smolvlm": ["models/registry"],
    "models/moondream": ["models/registry"],
    "engines/cpu": ["engines/registry"],
    "engines/mlx": ["engines/registry"],
    "engines/reference": ["engines/registry"],
    "runtime/cache": ["runtime/serving"],
    "runtime/hub": ["runtime/bench", "runtime/sources", "runtime/verify", "api/.", "api/ollama", "http", "apps"],
    "api/anthropic": ["api/registry", "api/openapi"],
    "api/completions": ["api/registry", "api/openapi"],
    "api/moondream": ["api/registry", "api/openapi"],
    "api/ollama": ["api/registry", "api/openapi", "http"],
    "api/openai": ["api/backend", "api/completions", "api/moondream", "api/registry", "api/responses", "api/openapi", "http"],
    "api/openapi": ["http"],
    "api/responses": ["api/registry", "api/openapi", "http"],
    "api/backend": ["api/registry", "http"],
    "api/config": ["api/backend", "apps"],
    "api/offline": ["api/mcp", "apps"],
    "api/mcp": ["apps"],
}
# What no file of a layer includes, and why.
SHUT = {"http": (re.compile(r"(?:boost/json|io/json)"), "JSON is read and written in api")}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ROOM_LEVEL = {layer: {name: level for level, names in enumerate(rooms) for name in names}
              for layer, rooms in ROOMS.items()}

# What differs between systems stands here only. Sockets, and the POSIX calls of files and signals, may
# be used anywhere.
SYSTEM_FOLDER = "src/base/system/"
# Headers with a dot or a folder in their names that may be included anywhere: POSIX's, the
# processor's, and those of libraries.
FREE_HEADERS = set("""arpa/inet.h fcntl.h glob.h netdb.h netinet/in.h netinet/tcp.h poll.h stdio.h sys/ioctl.h
    sys/mman.h sys/socket.h sys/stat.h sys/types.h sys/wait.h unistd.h cpuid.h""".split())
LIBRARIES = tuple("""CLI/ boost/ curl/ dav1d/ fmt/ gif_lib.h hiredis/ histedit.h hwy/ jerror.h jpeglib.h lcms2.h
    lcms2_plugin.h libde265/ mlx/ openssl/ png.h tiffio.h webp/ xgrammar/ zlib.h""".split())
# What #if may ask for elsewhere: our own options, Highway's, processors and compilers.
FREE_CONDITIONS = re.compile(r"(?:OC|HWY)_\w+|defined|__(?:x86_64|i386|aarch64|clang|apple_build_version)__")
# Calls, types and macros that one system has, or that mean something else on another; * stands for
# letters.
OF_ONE_SYSTEM = """
    __linux* __gnu_linux__ __APPLE__ __MACH__ __GLIBC__ __FreeBSD__ _WIN32 TARGET_OS_*
    madvise posix_madvise MADV_* POSIX_MADV_* mlock mlock2 mlockall munlock munlockall MLOCK_* mincore mremap
    readahead MAP_HUGETLB MAP_POPULATE MAP_LOCKED memfd_create shm_open shm_unlink getpagesize
    sysconf _SC_* sysctl* getauxval HWCAP* sysinfo get_nprocs* get_phys_pages getloadavg
    sched_* SCHED_* cpu_set_t CPU_SET CPU_ZERO CPU_COUNT pthread_*_np getcpu setpriority PRIO_* QOS_CLASS_*
    getrlimit setrlimit prlimit RLIMIT_* getrusage RUSAGE_*
    mallopt malloc_trim malloc_info mallinfo* malloc_usable_size malloc_size malloc_zone_*
    flock lockf LOCK_EX LOCK_SH LOCK_NB LOCK_UN F_OFD_* F_FULLFSYNC F_BARRIERFSYNC F_NOCACHE F_RDADVISE
    F_PREALLOCATE F_ADD_SEALS F_SETPIPE_SZ F_GETPATH fallocate posix_fallocate posix_fadvise POSIX_FADV_*
    copy_file_range copyfile fcopyfile clonefile sendfile sync_file_range syncfs
    renameat2 renamex_np renameatx_np RENAME_* statfs fstatfs statx st_mtim st_ctim st_mtimespec st_ctimespec
    O_TMPFILE O_PATH O_NOATIME O_DIRECT O_EXLOCK O_SHLOCK O_EVTONLY
    epoll_* EPOLL* kqueue kevent* inotify_* eventfd signalfd timerfd_* pidfd_* io_uring_*
    MSG_NOSIGNAL MSG_DONTWAIT MSG_MORE MSG_ZEROCOPY SO_NOSIGPIPE SO_PEERCRED SO_BINDTODEVICE TCP_NOTSENT_LOWAT
    TCP_CORK TCP_QUICKACK TCP_USER_TIMEOUT TCP_KEEP* TCP_INFO accept4 pipe2 dup3 close_range closefrom
    prctl PR_* syscall SYS_* __NR_* gettid tgkill unshare setns ptrace vfork execv* execl* posix_spawn*
    mach_* task_info host_statistics* _NSGet* proc_pidpath dl_iterate_phdr dladdr
    getrandom getentropy arc4random* secure_getenv program_invocation_*name getprogname
"""
SYSTEM_NAME = re.compile(r"\b(?:" + "|".join(name.replace("*", r"\w*") for name in OF_ONE_SYSTEM.split()) + r")\b")
SYSTEM_PATH = re.compile(r"/*(?:proc|sys)(?:/|$)")

# Literals and comments: neither is taken for the other.
LITERAL = re.compile(
    r'''R"(?P<mark>[^()\\\s]{0,16})\((?P<raw>.*?)\)(?P=mark)"|"(?P<text>(?:\\.|[^"\\\n])*)"'''
    r'''|(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])+'|(?P<comment>//[^\n]*|/\*.*?\*/)''', re.S)
DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*(\w+)[ \t]*(.*?)[ \t]*$", re.M)
INCLUDE = re.compile(r'"([^"]+)"|<([^>]+)>')
# Highway includes the file of this name once more for each instruction set.
INCLUDED_AGAIN = re.compile(r"HWY_TARGET_INCLUDE[ \t]+(.*)")


class Refused(Exception):
    """What is wrong with an include."""


def undescribed() -> list[str]:
    """Layers and rooms of these tables that WORDS says nothing about."""
    rooms = [f"{layer}/{name}" for layer, rows in ROOMS.items() for row in rows for name in row]
    return [name for name in [*LEVEL, *rooms] if name not in WORDS]


def wrongly_closed() -> list[str]:
    """Names in CLOSED that are no layer and no room, and rooms that it should have."""
    named = {*CLOSED, *(name for names in CLOSED.values() for name in names)}
    rooms = {f"{layer}/{name}" for layer, names in ROOM_LEVEL.items() for name in names}
    listed = {f"{layer}/{name}" for layer, names in ROOM_LEVEL.items() if "registry" in names
              for name in names if name not in {".", "registry"}}
    return [f"{name} is no room (CLOSED in tools/check_layers.py)" for name in sorted(named - rooms - {*LEVEL})] + \
        [f"{name} is not closed (CLOSED in tools/check_layers.py)" for name in sorted(listed - {*CLOSED})]


def without_comments(text: str) -> str:
    text = text.replace("\\\n", "")  # lines that go on
    return LITERAL.sub(lambda found: " " if found["comment"] else found[0], text)


def place_of(path: pathlib.PurePath) -> tuple[str, str]:
    """Layer and room: src/runtime/hub/x.h -> runtime, hub; src/io/x.h -> io, .; apps/ocellus/x.cpp -> apps, ."""
    parts = path.parts[1:] if path.parts[0] == "src" else ("apps", path.name)
    if len(parts) < 2:
        return "", "."
    if len(parts) > 2:
        return parts[0], parts[1]
    known = path.name == "registry.cpp" and "registry" in ROOM_LEVEL.get(parts[0], {})
    return parts[0], "registry" if known else "."


def check_rank(own: pathlib.PurePath, other: pathlib.PurePath) -> None:
    """Refuses that the one file includes the other, both below the root."""
    (layer, room), (other_layer, other_room) = place_of(own), place_of(other)
    if other_layer not in LEVEL:
        raise Refused(f"{other_layer or other} is no layer (tools/check_layers.py lists them)")
    if layer != other_layer and LEVEL[other_layer] >= LEVEL[layer]:
        raise Refused(f"{layer} may not include {other_layer}")
    levels = ROOM_LEVEL.get(layer, {})
    if layer == other_layer and room != other_room and levels.get(other_room, 0) >= levels.get(room, 0):
        raise Refused(f"{layer}/{room} may not include {layer}/{other_room}")
    for closed in (other_layer, f"{other_layer}/{other_room}"):
        inside = {layer, f"{layer}/{room}"}
        if closed in CLOSED and not inside & {closed, *CLOSED[closed]}:
            raise Refused(f"{closed} is closed: {layer}/{room} may not include it (CLOSED in tools/check_layers.py)")


def check_include(root: pathlib.Path, own: pathlib.PurePath, spelled: str, suffixes: tuple[str, ...]) -> None:
    """`spelled`: with its quotes or brackets, as it stands in the file `own`, a path below the root."""
    found = INCLUDE.fullmatch(spelled)
    if not found:
        raise Refused("an include names a file, in quotes or brackets, by no macro")
    name = found[1] or found[2]
    if "\\" in name or {"", ".", ".."} & set(name.split("/")):
        raise Refused("an include has no ./ and no ../ and is below src/")
    shut, why = SHUT.get(place_of(own)[0], (None, ""))
    if shut and shut.match(name):
        raise Refused(f"{place_of(own)[0]} may not include it: {why}")
    if found[2]:
        if (root / "src" / name).exists():
            raise Refused("a file of ours is included in quotes")
        if not own.as_posix().startswith(SYSTEM_FOLDER) and ("." in name or "/" in name):
            if name not in FREE_HEADERS and not name.startswith(LIBRARIES):
                raise Refused(f"it belongs below {SYSTEM_FOLDER}, or to the libraries that tools/check_layers.py lists")
        return
    # As a compiler looks for it.
    other = next((path for path in (own.parent / name, pathlib.PurePath("src") / name) if (root / path).is_file()), None)
    if other is None:
        raise Refused("neither below src/ nor beside the file")
    if other.suffix not in suffixes:
        raise Refused("only headers (.h) are included")
    check_rank(own, other)


def check_system(name: str, code: str) -> list[str]:
    """A file outside of src/base/system names no system."""
    if name.startswith(SYSTEM_FOLDER):
        return []
    texts = [found["raw"] or found["text"] or "" for found in LITERAL.finditer(code)]
    found = {f'"{text}"' for text in texts if SYSTEM_PATH.match(text)}
    found |= set(SYSTEM_NAME.findall(LITERAL.sub('""', code)))
    for word, rest in DIRECTIVE.findall(code):
        if word.startswith(("if", "elif")):
            found |= {f"#{word} {asked}" for asked in re.findall(r"\b[A-Za-z_]\w*", rest)
                      if not FREE_CONDITIONS.fullmatch(asked)}
    return [f"{name}: {what} belongs below {SYSTEM_FOLDER}" for what in sorted(found)]


def check_file(root: pathlib.Path, path: pathlib.PurePath) -> list[str]:
    """`path`: below the root."""
    if path.name == "CMakeLists.txt":
        return []
    if path.suffix not in {".h", ".cpp"} or (root / path).is_symlink():
        return [f"{path}: sources are files that end in .h or .cpp"]
    layer, room = place_of(path)
    if layer not in LEVEL:
        return [f"{path}: {layer or path.name} is no layer (tools/check_layers.py lists them)"]
    if room not in ROOM_LEVEL.get(layer, {".": 0}):
        return [f"{path}: {layer}/{room} has no rank (tools/check_layers.py lists them)"]
    code = without_comments((root / path).read_text(encoding="utf-8"))
    wrong = check_system(path.as_posix(), code)
    for word, rest in DIRECTIVE.findall(code):
        again = INCLUDED_AGAIN.fullmatch(rest) if word == "define" else None
        try:
            if again:
                check_include(root, path, again[1], (".h", ".cpp"))
            elif word == "include":
                check_include(root, path, rest, (".h",))
            elif word in {"include_next", "import", "embed"}:
                raise Refused("only #include takes other files in")
        except Refused as refused:
            wrong.append(f"{path}: #{word} {rest}: {refused}")
    return wrong


def check(root: pathlib.Path) -> list[str]:
    wrong = [f"{name} has no words (WORDS in tools/check_layers.py)" for name in undescribed()]
    wrong += wrongly_closed()
    files = sorted(path for top in ("src", "apps") for path in (root / top).rglob("*")
                   if path.is_symlink() or path.is_file() and not path.name.startswith("."))
    for path in files:
        wrong += check_file(root, path.relative_to(root))
    wrong += check_links(root)
    if not files:
        wrong.append(f"{root}: no sources")
    return wrong


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
    print("\n".join(wrong) if wrong else "layers: includes and links only go down, closed rooms are closed, systems are named in one folder")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
