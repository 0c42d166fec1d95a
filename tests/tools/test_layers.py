"""tools/check_layers.py finds what it is there to find."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/check_layers.py"
spec = importlib.util.spec_from_file_location("check_layers", TOOL)
layers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(layers)


def run(root):
    return subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True)


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


GOOD = {
    "src/base/a.h": "#pragma once\n",
    "src/io/b.h": '#include "base/a.h"\n',
    "src/http/c.cpp": '#include "io/b.h"\n#include <sys/socket.h>\n#include <vector>\n#include <boost/asio/post.hpp>\n',
    "apps/x/main.cpp": '#include "http/c.h"\n#include "near.h"  // beside it\n',
    "src/http/c.h": "",
    "apps/x/near.h": "",
    "src/kernels/k.h": "",
    "src/kernels/k.cpp": '#define HWY_TARGET_INCLUDE "kernels/k.cpp"\n#include <hwy/foreach_target.h>\n',
    "src/engines/cpu/e.h": '#include "kernels/k.h"\n',
    "src/engines/registry.cpp": '#include "engines/cpu/e.h"\n',
    "src/runtime/request.h": "",
    "src/runtime/library/names.h": '#include "runtime/request.h"\n',
    "src/runtime/hub/pull.h": '#include "runtime/library/names.h"\n#include "store.h"\n',
    "src/runtime/hub/store.h": "",
    "src/runtime/serving/session.h": '#include "runtime/library/names.h"\n',
    "src/models/registry.h": "",
    "src/models/registry.cpp": '#include "models/phi3v/model.h"\n#include "models/registry.h"\n',
    "src/models/phi3v/model.h": '#include "models/registry.h"\n',
    "src/io/CMakeLists.txt": "oc_layer(io DEPS oc_base)\n",
    "src/io/.hidden.swp": "",
    "src/base/system/cores_linux.cpp": '#include <sched.h>\n#ifdef __linux__\nauto f = "/proc/cpuinfo";\n#endif\n',
    # What only looks like an include or a system.
    "src/io/text.cpp": '// #include "runtime/hub/pull.h", __linux__\n/*\n#include "models/registry.h"\nmadvise(a) */\n'
                       "auto n = 1'000; auto s = \"// \\\" mlock __APPLE__\"; char c = '\"';\n"
                       'auto r = R"(/* " )"; auto p = "process";\n#if OC_FAST && defined(__aarch64__)\n#endif\n',
}  # fmt: skip


def found(root, more):
    tree(root, {**GOOD, **more})
    return "\n".join(layers.check(root))


def test_a_good_tree_passes(tmp_path):
    tree(tmp_path, GOOD)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    tree(tmp_path, {"src/base/a.h": '#include "io/b.h"\n'})
    done = run(tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("src/base/a.h: "), done.stdout


HUB = "runtime/. may not include runtime/hub"
PLAIN = "an include has no ./ and no ../"


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("src/base/a.cpp", '#include "io/b.h"\n', "base may not include io"),
        ("src/image/i.h", '#include "io/b.h"\n', "image may not include io"),
        ("src/engines/e.cpp", '  #  include "models/registry.h"\n', "engines may not include models"),
        ("src/runtime/library/names.cpp", '#include "runtime/hub/pull.h"\n',
         "runtime/library may not include runtime/hub"),
        ("src/runtime/hub/pull.cpp", '#include "runtime/serving/session.h"\n',
         "runtime/hub may not include runtime/serving"),
        ("src/runtime/request.cpp", '#include "runtime/hub/pull.h"\n', HUB),
        ("src/models/other.cpp", '#include "models/phi3v/model.h"\n', "models/. may not include models/phi3v"),
        ("src/base/system/memory.h", '#include "base/a.h"\n', "base/system may not include base/."),
        ("src/runtime/attic/a.h", "", "runtime/attic has no rank"),
        ("src/io/disk/d.h", '#include "io/b.h"\n', "io/disk has no rank"),
        ("src/extra/e.h", "", "extra is no layer"),
        ("src/e.h", "", "e.h is no layer"),
        # However it is spelled.
        ("src/runtime/request.cpp", '#include "hub/pull.h"\n', HUB),
        ("src/models/m.h", '#include "phi3v/model.h"\n', "models/. may not include models/phi3v"),
        ("src/runtime/request.cpp", '/* */ # /**/ include /**/ "hub/pull.h" // it\n', HUB),
        ("src/runtime/request.cpp", '#inc\\\nlude "runtime/\\\nhub/pull.h"\n', HUB),
        ("src/runtime/request.cpp", '%:include "runtime/hub/pull.h"\n', HUB),
        ("src/runtime/request.cpp", 'auto s = R"(/*)";\n#include "runtime/hub/pull.h"\nauto t = "*/";\n', HUB),
        ("src/runtime/request.cpp", '#include "./hub/pull.h"\n', PLAIN),
        ("src/runtime/cache/c.h", '#include "runtime/cache/../hub/pull.h"\n', PLAIN),
        ("src/io/b.cpp", '#include "../base/a.h"\n', PLAIN),
        ("src/runtime/request.cpp", '#include "runtime//hub/pull.h"\n', PLAIN),
        ("src/runtime/request.cpp", '#include "/src/runtime/hub/pull.h"\n', PLAIN),
        ("src/runtime/request.cpp", "#include <runtime/hub/pull.h>\n", "a file of ours is included in quotes"),
        ("src/runtime/request.cpp", '#define PULL "runtime/hub/pull.h"\n#include PULL\n', "by no macro"),
        ("src/runtime/request.cpp", '#include_next "runtime/hub/pull.h"\n', "only #include takes other files in"),
        ("src/runtime/request.cpp", '#import "runtime/hub/pull.h"\n', "only #include takes other files in"),
        ("src/kernels/l.cpp", '#define HWY_TARGET_INCLUDE "io/b.h"\n', "kernels may not include io"),
        ("src/io/b.cpp", '#include "gone.h"\n', "neither below src/ nor beside"),
        ("src/io/b.cpp", '#include "io/text.cpp"\n', "only headers (.h) are included"),
        *((f"src/runtime/request.{suffix}", '#include "runtime/hub/pull.h"\n', "sources are files that end in .h or .cpp")
          for suffix in ("hpp", "hh", "inc", "cc", "cxx", "ipp", "H")),
        ("src/http/d.cpp", "#include <boost/json/object.hpp>\n", "JSON is read and written in api"),
        ("src/http/d.cpp", '#include "io/json_text.h"\n', "JSON is read and written in api"),
        ("src/io/CMakeLists.txt", "oc_layer(io DEPS oc_base oc_ops)\n", "io may not link ops"),
    ],
)  # fmt: skip
def test_a_violation_is_named(tmp_path, name, text, said):
    told = found(tmp_path, {name: text})
    assert any(name in line and said in line for line in told.splitlines()), told


@pytest.mark.parametrize("name, target", [("near", "hub"), ("near.h", "hub/pull.h")])
def test_a_link_to_another_room_is_no_file(tmp_path, name, target):
    tree(tmp_path, GOOD)
    (tmp_path / "src/runtime" / name).symlink_to(tmp_path / "src/runtime" / target)
    assert f"src/runtime/{name}: sources are files" in found(tmp_path, {})


def test_a_loop_of_rooms_cannot_be_ranked(tmp_path):
    """Whichever way two rooms that include each other stand, one of them is named."""
    told = found(tmp_path, {"src/runtime/library/names.h": '#include "runtime/hub/pull.h"\n'})
    assert "src/runtime/library/names.h" in told and "runtime/library may not include runtime/hub" in told


# A closed room, and one who must stay outside though it is higher up.
OUTSIDE = {
    "models/phi3v": ["runtime/serving", "api", "apps"],
    "models/smolvlm": ["runtime/serving", "api", "apps"],
    "models/moondream": ["runtime/serving", "api", "apps"],
    "models/blocks": ["models/registry", "runtime/library"],
    "image/isolated": ["models/phi3v", "api", "apps"],
    "text/bytelevel": ["models/registry", "runtime/grammar"],
    "text/sentencepiece": ["models/phi3v", "runtime/decode"],
    "engines/cpu": ["runtime/quantize", "runtime/bench", "apps"],
    "engines/mlx": ["runtime/library", "http"],
    "engines/reference": ["runtime/verify", "apps"],
    "kernels": ["models/phi3v", "ops", "engines/mlx", "runtime/quantize"],
    "runtime/cache": ["runtime/hosting", "http"],
    "runtime/hub": ["runtime/hosting", "api/openai", "api/config"],
    "api/anthropic": ["http", "apps"],
    "api/moondream": ["http", "apps"],
    "api/ollama": ["apps"],
    "api/openai": ["apps"],
    "api/openapi": ["apps"],
    "api/completions": ["http", "apps"],
    "api/responses": ["api/backend", "apps"],
    "api/backend": ["apps"],
    "api/config": ["http"],
    "api/offline": ["http"],
    "api/mcp": ["http"],
}


def test_every_closed_room_has_its_test():
    assert {*OUTSIDE} == {*layers.CLOSED}
    assert layers.wrongly_closed() == []


@pytest.mark.parametrize("room, other", [(room, other) for room, others in OUTSIDE.items() for other in others])
def test_closed_rooms_are_closed(tmp_path, room, other):
    """Also where its path is not spelled out."""
    layer, _, name = other.partition("/")
    below = {"registry": "registry.cpp", "": "f.cpp"}.get(name, f"{name}/f.cpp")
    includer = "apps/x/f.cpp" if other == "apps" else f"src/{layer}/{below}"
    told = found(tmp_path, {f"src/{room}/f.h": "", includer: f'#include "{room}/f.h"\n'})
    assert f'{includer}: #include "{room}/f.h": {room} is closed' in told


def test_a_closed_room_is_open_to_itself_and_to_its_row(tmp_path):
    more = {}
    for room, named in layers.CLOSED.items():
        more[f"src/{room}/f.h"] = ""
        for number, other in enumerate([room, *named]):
            layer, _, name = other.partition("/")
            path = {"registry": "registry.cpp", "": f"f{number}.cpp"}.get(name, f"{name}/f{number}.cpp")
            path = f"apps/x/f{number}.cpp" if other == "apps" else f"src/{layer}/{path}"
            more[path] = more.get(path, "") + f'#include "{room}/f.h"\n'
    assert found(tmp_path, more) == ""


@pytest.mark.parametrize(
    "table, row, said",
    [("CLOSED", '"io/attic": [],', "io/attic is no room"), ("CLOSED", '"io": ["gone"],', "gone is no room"),
     ("ROOMS", '"ops": [["fast"], ["registry"]],', "ops/fast is not closed")],
)  # fmt: skip
def test_the_table_of_closed_rooms_is_whole(tmp_path, table, row, said):
    copy = tmp_path / "check_layers.py"
    copy.write_text(TOOL.read_text().replace(f"\n{table} = {{\n", f"\n{table} = {{\n    {row}\n"))
    tree(tmp_path, GOOD)
    done = subprocess.run([sys.executable, copy, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and said in done.stdout


@pytest.mark.parametrize(
    "text, said",
    [
        # Calls and macros.
        *((f"auto x = {call};\n", call.lstrip(":").split("(")[0])
          for call in ("::madvise(p, n, 1)", "madvise(p, n, 1)", "::mlock(p, n)", "::getrlimit(1, &l)", "::flock(fd, 2)",
                       "::sched_getaffinity(0, n, &s)", "pthread_setaffinity_np(t, n, &s)", "epoll_create1(0)", "kqueue()",
                       "::prctl(1)", "::sysinfo(&i)", "::statfs(p, &s)", "::syscall(1)", "::malloc_trim(0)",
                       "posix_fallocate(fd, 0, 1)", "sysctlbyname(n)", "mach_task_self()", "::getrusage(0, &u)")),
        *((f"auto x = f({name});\n", name)
          for name in ("MADV_HUGEPAGE", "MLOCK_ONFAULT", "POSIX_FADV_DONTNEED", "F_OFD_SETLK", "F_FULLFSYNC",
                       "_SC_NPROCESSORS_ONLN", "RLIMIT_NOFILE", "SYS_arch_prctl", "O_TMPFILE", "O_PATH", "MSG_NOSIGNAL",
                       "TCP_NOTSENT_LOWAT", "RENAME_EXCHANGE", "PR_SET_NAME", "LOCK_EX")),
        # Conditions: what is not known to be of no system.
        *((f"{line}\n#endif\n", line.split("(")[0].split()[0] + " " + name)
          for line, name in (("#ifdef __linux__", "__linux__"), ("#if defined(__linux)", "__linux"), ("#if linux", "linux"),
                             ("#if defined(__APPLE__)", "__APPLE__"), ("#ifndef __unix__", "__unix__"),
                             ("#if 0\n#elif _WIN64", ""), ("#if TARGET_OS_MAC", "TARGET_OS_MAC"),
                             ("#ifdef MSG_NOSIGNAL", "MSG_NOSIGNAL"), ("#if __has_include(<mach.h>)", "__has_include"),
                             ("%: /**/ if defined \\\n NEW_SYSTEM", "")) if name),
        ("#if 0\n#elif _WIN64\n#endif\n", "#elif _WIN64"),
        ("%: /**/ if defined \\\n NEW_SYSTEM\n#endif\n", "#if NEW_SYSTEM"),
        # Headers.
        *((f"# include <{header}>\n", f"<{header}>: it belongs")
          for header in ("sys/resource.h", "sys/prctl.h", "sys/sysinfo.h", "sys/epoll.h", "sys/statfs.h", "sys/syscall.h",
                         "sys/file.h", "mach/mach.h", "linux/io_uring.h", "asm/hwcap.h", "sched.h", "malloc.h", "pthread.h",
                         "windows.h", "dispatch/dispatch.h", "bits/types.h", "ext/stdio_filebuf")),
        # Folders.
        ('auto f = "/proc/self/exe";\n', '"/proc/self/exe"'),
        ('auto f = "/sys";\n', '"/sys"'),
        ('auto f = std::filesystem::path("/") / "proc" / "meminfo";\n', '"proc"'),
        ('auto f = R"x(/sys/fs/cgroup)x";\n', '"/sys/fs/cgroup"'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["src/base/b.cpp", "src/io/b.h", "apps/x/b.cpp"])
def test_a_system_is_named_in_one_folder(tmp_path, name, text, said):
    told = found(tmp_path, {name: text})
    assert any(line.startswith(f"{name}: ") and said in line and "belongs below src/base/system/" in line
               for line in told.splitlines()), told  # fmt: skip
    (tmp_path / name).unlink()
    assert found(tmp_path, {"src/base/system/b_linux.cpp": text}) == ""
