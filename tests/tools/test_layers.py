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
    "src/io/CMakeLists.txt": "oc_layer(io DEPS oc_base)\n",
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
        ("src/extra/e.h", "", "extra is no layer"),
        ("src/io/CMakeLists.txt", "oc_layer(io DEPS oc_base oc_ops)\n", "io may not link ops"),
    ],
)
def test_a_violation_is_named(tmp_path, name, text, said):
    tree(tmp_path, {**GOOD, "src/models/m.h": "", name: text})
    done = run(tmp_path)
    assert done.returncode == 1
    assert said in done.stdout
    assert name in done.stdout
