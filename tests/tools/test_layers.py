"""tools/check_layers.py finds what it is there to find."""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/check_layers.py"


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
    "src/http/c.cpp": '#include "io/b.h"\n#include <vector>\n',
    "apps/x/main.cpp": '#include "http/c.h"\n#include "near.h"\n',
    "src/http/c.h": "",
    "apps/x/near.h": "",
    "src/runtime/request.h": "",
    "src/runtime/library/names.h": '#include "runtime/request.h"\n',
    "src/runtime/hub/pull.h": '#include "runtime/library/names.h"\n',
    "src/runtime/serving/session.h": '#include "runtime/library/names.h"\n',
    "src/models/registry.h": "",
    "src/models/registry.cpp": '#include "models/phi3v/model.h"\n#include "models/registry.h"\n',
    "src/models/phi3v/model.h": '#include "models/registry.h"\n',
    "src/io/CMakeLists.txt": "oc_layer(io DEPS oc_base)\n",
    "src/base/system/cores_linux.cpp": '#include <sched.h>\n#ifdef __linux__\n"/proc/cpuinfo"\n#endif\n',
}


def test_a_good_tree_passes(tmp_path):
    tree(tmp_path, GOOD)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("src/base/a.cpp", '#include "io/b.h"\n', "base may not include io"),
        ("src/image/i.h", '#include "io/b.h"\n', "image may not include io"),
        ("src/engines/e.cpp", '  #  include "models/m.h"\n', "engines may not include models"),
        ("src/io/b.cpp", '#include "gone.h"\n', "neither below src/ nor beside"),
        ("src/io/b.cpp", '#include "../base/a.h"\n', "../"),
        ("src/runtime/library/names.cpp", '#include "runtime/hub/pull.h"\n',
         "runtime/library may not include runtime/hub"),
        ("src/runtime/hub/pull.cpp", '#include "runtime/serving/session.h"\n',
         "runtime/hub may not include runtime/serving"),
        ("src/runtime/request.cpp", '#include "runtime/hub/pull.h"\n', "runtime/. may not include runtime/hub"),
        ("src/runtime/attic/a.h", '#include "runtime/request.h"\n', "runtime/attic has no rank"),
        ("src/io/disk/d.h", '#include "io/b.h"\n', "io/disk has no rank"),
        ("src/models/other.cpp", '#include "models/phi3v/model.h"\n',
         "models/. may not include models/phi3v"),
        ("src/http/d.cpp", "#include <boost/json/object.hpp>\n", "JSON is read and written in api"),
        ("src/http/d.cpp", '#include "io/json_text.h"\n', "JSON is read and written in api"),
        ("src/extra/e.h", "", "extra is no layer"),
        ("src/base/system/memory.h", '#include "base/a.h"\n', "base/system may not include base/."),
        ("src/io/b.cpp", "#if defined(__APPLE__)\n#endif\n", "__APPLE__ belongs below src/base/system/"),
        ("src/base/a.cpp", '#ifdef __linux__\nauto f = "/proc/self/exe";\n#endif\n',
         "__linux__ belongs below src/base/system/"),
        ("src/base/a.cpp", 'auto f = "/proc/self/exe";\n', '"/proc belongs below src/base/system/'),
        ("src/http/c.cpp", "# include <mach/mach.h>\n", "<mach/ belongs below src/base/system/"),
        ("apps/x/main.cpp", "#include <sys/resource.h>\n", "<sys/resource.h> belongs below src/base/system/"),
        ("src/io/b.cpp", "::madvise(p, n, MADV_HUGEPAGE);\n", "MADV_HUGEPAGE belongs below src/base/system/"),
        ("src/io/CMakeLists.txt", "oc_layer(io DEPS oc_base oc_ops)\n", "io may not link ops"),
    ],
)
def test_a_violation_is_named(tmp_path, name, text, said):
    tree(tmp_path, {**GOOD, "src/models/m.h": "", name: text})
    done = run(tmp_path)
    assert done.returncode == 1
    assert said in done.stdout
    assert name in done.stdout


def test_a_loop_of_rooms_cannot_be_ranked(tmp_path):
    """Whichever way two rooms that include each other stand, one of them is named."""
    tree(tmp_path, {**GOOD, "src/runtime/library/names.h": '#include "runtime/hub/pull.h"\n'})
    done = run(tmp_path)
    assert done.returncode == 1
    assert "src/runtime/library/names.h: runtime/library may not include runtime/hub" in done.stdout
