"""tools/install_deps.sh under package managers that only pretend: what it asks of each, and of whom."""

import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools/install_deps.sh"
BASICS = ["bash", "sh", "sed", "awk", "tr", "sort", "cat", "tail", "rm", "mktemp", "sleep", "env", "grep"]

# Each reads $STATE/available and adds to $STATE/installed and $STATE/asked; a package that stands in
# $STATE/broken cannot be installed.
HEAD = """#!/bin/bash
has() { [[ $'\\n'$(<"$STATE/$1")$'\\n' == *$'\\n'"$2"$'\\n'* ]]; }
install() {
  echo "$*" >>"$STATE/asked"
  local name status=0
  for name; do
    case $name in -*) continue ;; esac
    has available "$name" || { echo "no $name" >&2; return 100; }
    ! has broken "$name" || { echo "$name is broken" >&2; return 100; }
  done
  for name; do case $name in -*) ;; *) echo "$name" >>"$STATE/installed" ;; esac; done
}
"""
MANAGERS = {
    "apt": {
        "dpkg-query": """for name; do
  case $name in -*) ;; *) if has installed "$name"; then echo "installed:$name"; fi ;; esac; done""",
        "apt-cache": """shift; for name; do
  echo "$name:"; echo "  Installed: (none)"
  if has available "$name"; then echo "  Candidate: 1.0-1"; else echo "  Candidate: (none)"; fi; done""",
        "apt-get": """case $1 in update) ;; install) shift; install "$@" ;; esac""",
    },
    "dnf": {
        "rpm": """has installed "$3" """,
        "dnf": """if [ "$2" = repoquery ]; then if has available "$4"; then echo "$4-1.0"; fi
else shift; install "$@"; fi""",
    },
    "pacman": {
        "pacman": """case $1 in -T) has installed "$2" ;; -Si) has available "$2" ;;
-S) shift; install "$@" ;; esac""",
    },
    "brew": {
        "brew": """case $1 in list) has installed "$3" ;; info) has available "$3" ;;
install) shift; install "$@" ;; esac""",
        "xcode-select": "echo /Applications/Xcode",
    },
}  # fmt: skip

COMMON_APT = """g++ cmake ninja-build pkg-config ccache curl python3 python3-venv libhwy-dev libjpeg-dev
libpng-dev zlib1g-dev libwebp-dev libgif-dev liblcms2-dev libde265-dev libdav1d-dev libtiff-dev libfmt-dev libcli11-dev libssl-dev libcurl4-openssl-dev libhiredis-dev libedit-dev
libgtest-dev bash git chromium redis-server libboost-dev libboost-json-dev libboost-url-dev clang"""


def boost(version):
    return f" libboost{version}-dev libboost-json{version}-dev libboost-url{version}-dev"


def clang(version):
    return f" clang-{version} clang-tidy-{version} libclang-rt-{version}-dev"


# What a release has: more than what is asked for, where there is a choice.
SYSTEMS = {
    "debian-12": ("apt", COMMON_APT + boost("1.74") + boost("1.81") + clang(14) + clang(16)),
    "debian-13": ("apt", COMMON_APT + boost("1.83") + boost("1.88") + clang(17) + clang(18) + clang(19)),
    "ubuntu-24.04": ("apt", COMMON_APT + boost("1.83") + clang(17) + clang(18)),
    "fedora": ("dnf", """gcc-c++ clang clang-tools-extra compiler-rt cmake ninja-build pkgconf-pkg-config ccache curl python3 boost-devel
        highway-devel libjpeg-turbo-devel libpng-devel zlib-ng-compat-devel libwebp-devel giflib-devel
        lcms2-devel libdav1d-devel libtiff-devel fmt-devel cli11-devel openssl-devel
        libcurl-devel hiredis-devel libedit-devel gtest-devel bash git chromium valkey-compat-redis"""),
    "arch": ("pacman", """gcc clang compiler-rt cmake ninja pkgconf ccache curl python boost highway libjpeg-turbo
        libpng zlib libwebp giflib lcms2 libde265 dav1d libtiff fmt cli11 openssl hiredis libedit gtest bash git chromium valkey"""),
    "homebrew": ("brew", """cmake ninja pkgconf ccache python3 boost highway jpeg-turbo libpng webp giflib little-cms2 libde265 dav1d libtiff fmt cli11
        openssl@3 hiredis googletest bash redis"""),
}  # fmt: skip
# Of those: what `make run` asks for where nothing is there yet, beyond the names that are the same.
CHOSEN = {
    "debian-12": ({"clang-16", "libboost1.81-dev", "libboost-url1.81-dev"}, {"clang", "clang-14", "libboost-dev"}),
    "debian-13": ({"clang-19", "libboost1.83-dev", "libboost-json1.83-dev"}, {"clang", "libboost1.88-dev"}),
    "ubuntu-24.04": ({"clang-18", "libboost1.83-dev", "python3-venv"}, {"clang", "clang-17"}),
    "fedora": ({"clang", "gcc-c++", "highway-devel", "pkgconf-pkg-config", "libcurl-devel"}, {"compiler-rt"}),
    "arch": ({"clang", "highway", "cli11", "python"}, {"compiler-rt", "valkey"}),
    "homebrew": ({"highway", "openssl@3", "googletest", "pkgconf", "python3"}, {"clang", "redis", "git"}),
}


class Machine:
    def __init__(self, folder, manager, available, user=0):
        self.state = folder / "state"
        self.bin = folder / "bin"
        self.state.mkdir()
        self.bin.mkdir()
        self.write("available", available.split())
        for name in ("installed", "broken", "asked"):
            self.write(name, [])
        for name in BASICS:
            (self.bin / name).symlink_to(shutil.which(name))
        self.command("id", f"echo {user}")
        self.command("uname", f"echo {'Darwin' if manager == 'brew' else 'Linux'}")
        for name, text in MANAGERS.get(manager, {}).items():
            self.command(name, text)

    def command(self, name, text):
        path = self.bin / name
        path.write_text(HEAD + text + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def write(self, name, lines):
        (self.state / name).write_text("".join(f"{line}\n" for line in lines))

    def read(self, name):
        return (self.state / name).read_text().splitlines()

    def run(self, what="build", code=0):
        done = subprocess.run(
            [str(SCRIPT), what], capture_output=True, text=True, timeout=60,
            env={"PATH": str(self.bin), "STATE": str(self.state), "OC_INSTALL_PAUSE": "0",
                 "TMPDIR": os.environ.get("TMPDIR", "/tmp")},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture
def machine(tmp_path):
    return lambda manager, available, **more: Machine(tmp_path, manager, available, **more)


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_is_asked_for_what_it_has(machine, name):
    manager, available = SYSTEMS[name]
    it = machine(manager, available)
    it.run("build")
    wanted, unwanted = CHOSEN[name]
    installed = set(it.read("installed"))
    assert wanted <= installed and not unwanted & installed, sorted(installed)
    assert len(it.read("asked")) == 1
    # And then it is quiet, quick and asks nobody.
    again = it.run("build")
    assert (again.stdout, again.stderr) == ("", "")
    assert len(it.read("asked")) == 1
    it.run("test")
    installed = set(it.read("installed"))
    assert "bash" in installed
    if manager == "apt":  # the sanitizers of the very clang that is there
        version = next(one for one in wanted if one.startswith("clang-"))[6:]
        assert f"libclang-rt-{version}-dev" in installed
        assert sum(re.fullmatch(r"clang(-\d+)?", one) is not None for one in installed) == 1
    if manager == "brew":
        assert "--quiet" in it.read("asked")[0]


def test_another_version_that_is_there_already_will_do(machine):
    it = machine("apt", SYSTEMS["debian-13"][1])
    it.write("installed", (COMMON_APT + boost("1.88") + clang(18)).split())
    assert it.run("test").stdout == ""
    assert not it.read("asked")


@pytest.mark.parametrize("name", ["debian-13", "fedora", "arch", "homebrew"])
def test_what_failed_is_named_and_nothing_else(machine, name):
    manager, available = SYSTEMS[name]
    it = machine(manager, available)
    broken = {"apt": "libhwy-dev", "dnf": "highway-devel"}.get(manager, "highway")
    it.write("broken", [broken])
    it.write("available", [one for one in available.split() if not one.startswith(("libcli11", "cli11"))])
    done = it.run("build", code=1)
    named = done.stderr[done.stderr.index("could not install:"):].splitlines()[1:]
    assert sorted(line.split()[0] for line in named) == ["cli11", "highway"]
    assert broken in named[0] + named[1]
    # All the rest is there, though the first try as a whole failed.
    assert len(it.read("installed")) > 12 and broken not in it.read("installed")
    it.write("broken", [])
    it.write("available", available.split())
    it.run("build")


def test_a_user_asks_through_sudo_or_is_told(machine):
    it = machine("apt", SYSTEMS["ubuntu-24.04"][1], user=1000)
    done = it.run("build", code=1)
    assert "sudo" in done.stderr and "clang" in done.stderr and not it.read("asked")
    it.command("sudo", 'echo sudo "$1" >>"$STATE/sudo"; exec "$@"')
    it.run("build")
    assert set(it.read("sudo")) == {"sudo apt-get", "sudo env"}


def test_homebrew_is_never_run_as_root(machine):
    it = machine("brew", SYSTEMS["homebrew"][1], user=501)
    it.run("build")
    assert it.read("asked")


def test_an_unknown_system_names_what_is_missing(machine):
    it = machine("none", "")
    done = it.run("build", code=1)
    assert "boost" in done.stderr and "apt, dnf, pacman, brew" in done.stderr


def test_what_make_run_uses_works_on_a_mac():
    """Bash 3.2 and BSD tools: none of what only newer ones know. tools/test.sh says that it wants more."""
    newer = re.compile(
        r"declare -A|local -A|mapfile|readarray|\|& |&>>|\$\{\w+(,,|\^\^)|coproc|wait -n|local -n"
        r"|sed -i|readlink -f|realpath|nproc|base64 -w|grep -P|date -d|stat -c|mktemp -p|cp --|xargs -d|head -c -|\\t/"
    )
    for name in ("tools/install_deps.sh", "tools/get_xgrammar.sh", "tools/run_demo.sh", "tools/install.sh", "Makefile"):
        lines = (ROOT / name).read_text().splitlines()
        bad = [f"{name}: {line}" for line in lines if newer.search(line.split(" #")[0])]
        assert not bad
