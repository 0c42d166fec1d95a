"""Every command of README.md and docs/ runs: the built program, in a folder with what they name.

Models by name come from a local mirror and are small; a server that a document starts is there until
its next one. What cannot run here stands in NOT_HERE, each with its reason.
"""

import base64
import json
import os
import pathlib
import queue
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from bad_hub import COMMIT, Hub
from conftest import BIN, ROOT, START_SECONDS
from drawn_world import drawn, folder_of_pictures, questions
from test_cli import DEMO, EXAMPLES, run

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# A pattern of what is not run, and why.
NOT_HERE = {
    r"make (run|test|build)\b": "builds the program, or is what runs this",
    r"make install\b": "builds; test_install.py installs what is built",
    r"sudo ": "changes the system",
    r"(cmake|ctest) --preset aarch64|qemu-aarch64 ": "builds for another processor",
    r"python3 -m venv ": "fetches MLX",
    r"build/release/test_": "unit tests, which ctest runs",
    r"for shape in .* ocellus synth ": "writes 6 GB of random weights",
    r"import ollama\b|OLLAMA_HOST=": "test_ollama_clients.py runs those clients",
    r"import moondream\b": "test_moondream_clients.py runs that client",
}
# Where the document says that it fails: curl's 22 is a status of 400 or more.
STATUS = {r"curl \S+/api/v1/state$": 22}
# A model's placeholder, a picture's, …: what stands for them.
MODELS = {
    "mlx-community/Phi-3.5-vision-instruct-4bit": "phi",
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct": "smol",
    "vikhyatk/moondream2": "moon",
}


def blocks(text):
    """(language, text) of what is fenced."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)


def is_whole(command):
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return not command.endswith("\\")


def shell_commands(block):
    """Its commands, those over several lines as one."""
    command = ""
    for line in block.splitlines():
        command += line
        if not is_whole(command):
            command += "\n"
            continue
        if shlex.split(command, comments=True):
            yield command
        command = ""
    assert not command, f"no end: {command}"


def commands(document):
    """(language, command): sh, python, and text where `$ ` stands before what is typed."""
    for language, block in blocks(document.read_text(encoding="utf-8")):
        if language == "sh":
            for command in shell_commands(block):
                yield "sh", command
        elif language == "python":
            yield "python", block
        elif language == "text":
            for typed, shown in re.findall(r"^\$ (.*)\n(.*)", block, re.M):
                yield "text", f"{typed}\n{shown}"


def why_not(command):
    return next((pattern for pattern in NOT_HERE if re.match(pattern, command)), None)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Workshop:
    """A folder with everything that the documents name, and a shell in it."""

    def __init__(self, folder, hub):
        self.folder, self.ports = folder, (free_port(), free_port())
        self.server, self.lines = None, queue.Queue()
        (folder / "bin").mkdir()
        (folder / "bin/ocellus").symlink_to(BIN)
        curl = folder / "bin/curl"
        curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} -sS --fail-with-body --max-time 300 "$@"\n')
        curl.chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder / "home"), "OCELLUS_HOME": str(folder / "home/.ocellus"),
            "OCELLUS_HUB": hub.url, "HF_TOKEN": "", "http_proxy": "", "no_proxy": "*",
            "OCELLUS_MAX_TOKENS": "16",  # random models never end by themselves
            "OCELLUS_PORT": str(self.ports[0]), "OCELLUS_BACKEND_PORT": str(self.ports[1]),
        }  # fmt: skip
        for name in ("OCELLUS_API_KEY", "OCELLUS_MODEL"):
            self.env.pop(name, None)

    def in_place(self, command):
        """The command with the ports that are free, and a picture where one is left out."""
        for number, port in zip(("8080", "8000"), self.ports):
            command = re.sub(rf"\b{number}\b", str(port), command)
        picture = base64.b64encode((EXAMPLES / "number.jpg").read_bytes()).decode()
        return command.replace("base64,...", "base64," + picture)

    def shell(self, command):
        return subprocess.run(["bash", "-o", "pipefail", "-c", self.in_place(command)], cwd=self.folder,
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=START_SECONDS)  # fmt: skip

    def python(self, program):
        """With the picture that some of them take for granted, and a server, if none was started."""
        if self.server is None:
            self.serve("ocellus serve --model demo --port 8080")
        picture = base64.b64encode((EXAMPLES / "red-circle.png").read_bytes()).decode()
        program = f"picture = '{picture}'\n" + self.in_place(program)
        return subprocess.run([sys.executable, "-c", program], cwd=self.folder, env=self.env,
                              capture_output=True, text=True, timeout=START_SECONDS)  # fmt: skip

    def serve(self, command):
        self.stop()
        self.server = subprocess.Popen(["bash", "-c", "exec " + self.in_place(command)], cwd=self.folder,
                                       env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)  # fmt: skip
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.server, self.lines), daemon=True).start()
        shown = []
        while not (shown and shown[-1].startswith("ocellus serving ")):
            line = self.lines.get(timeout=START_SECONDS)
            assert line is not None, "".join(shown)
            shown.append(line)

    @staticmethod
    def _read(server, lines):
        for line in server.stdout:
            lines.put(line)
        lines.put(None)

    def pull_all(self):
        """The first document pulls them; the others name them."""
        for repo in MODELS:
            done = self.shell(f"ocellus pull --quiet {repo}")
            assert done.returncode == 0, done.stderr

    def stop(self):
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(timeout=START_SECONDS) == 0
            self.server = None


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    for family in ("smolvlm2", "moondream2"):
        run("synth", "--shape", f"{family}-tiny", "--quant", "bf16", "--seed", 7,
            "--out", folder / family[:4])  # fmt: skip
    run("synth", "--shape", "tiny", "--quant", "bf16", "--out", folder / "phi-full")
    files = {"phi": DEMO, "smol": folder / "smol", "moon": folder / "moon"}
    hub = Hub({})
    for repo, name in MODELS.items():
        hub.more[repo] = (COMMIT, {file.name: file.read_bytes() for file in files[name].iterdir()})
    place = Workshop(folder, hub)
    furnish(folder)
    yield place
    place.stop()
    hub.close()


def furnish(folder):
    for name in ("examples", "tests", "configs", "tools", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "src/config").mkdir(parents=True)  # of the original system
    (folder / "src/config/model_configs").symlink_to(ROOT / "tests/data/config")
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/ocellus").symlink_to(BIN)
    models = folder / "home/models"
    models.mkdir(parents=True)
    (models / "Phi-3.5-vision-instruct-4bit").symlink_to(DEMO)
    (models / "Phi-3.5-vision-instruct").symlink_to(folder / "phi-full")
    (folder / "MODEL").symlink_to(DEMO)
    (folder / "random").mkdir()
    for name in ("phi-full", "smol", "moon"):
        (folder / "random" / name).symlink_to(folder / name)
    shutil.copy(EXAMPLES / "number.jpg", folder / "photo.jpg")
    (folder / "my.json").write_text(json.dumps({"model_path": "demo"}))
    for name in ("photos", "frames", "val2014"):
        (folder / name).mkdir()
    folder_of_pictures(folder / "photos", 3)
    folder_of_pictures(folder / "frames", 2)
    rng, asked, said = random.Random(3), [], []
    for i in range(2):
        picture, shape, colour = drawn(rng)
        picture.save(folder / f"val2014/COCO_val2014_{i:012}.jpg")
        for k, (kind, question, answer) in enumerate(questions(rng, shape, colour)[:2]):
            asked.append({"image_id": i, "question": question, "question_id": 10 * i + k})
            said.append({"question_id": 10 * i + k, "question_type": kind, "answer_type": "other",
                         "answers": [{"answer": answer}] * 10})  # fmt: skip
    (folder / "v2_OpenEnded_mscoco_val2014_questions.json").write_text(
        json.dumps({"data_subtype": "val2014", "questions": asked}))  # fmt: skip
    (folder / "v2_mscoco_val2014_annotations.json").write_text(json.dumps({"annotations": said}))


def lacks_mlx(command):
    return "--engine mlx" in command and "mlx" not in run("--version").stdout.split("without")[0]


DONE = {}  # what a command that stands in several documents came to


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.parametrize("document", [one for one in DOCUMENTS if [*commands(one)]], ids=lambda path: path.name)
def test_its_commands_run(document, workshop):
    if document != DOCUMENTS[0]:
        workshop.pull_all()
    for language, command in commands(document):
        if why_not(command) or lacks_mlx(command):
            continue
        if language == "sh" and re.match(r"ocellus serve\b", command):
            workshop.serve(command)
            continue
        if (language, command) in DONE and "curl" not in command and language != "python":
            continue
        typed, _, shown = command.partition("\n") if language == "text" else (command, "", "")
        done = workshop.python(command) if language == "python" else workshop.shell(typed)
        DONE[language, command] = done.returncode
        wanted = next((status for pattern, status in STATUS.items() if re.match(pattern, command)), 0)
        said = f"{document.name}: {command}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == wanted, said
        if language == "text":
            assert done.stdout.strip() == shown, said
    workshop.stop()


def test_what_is_not_run_is_there_and_is_meant():
    everything = [command for document in DOCUMENTS for _, command in commands(document)]
    assert len(everything) > 30
    unused = [pattern for pattern in (*NOT_HERE, *STATUS)
              if not any(re.match(pattern, command) for command in everything)]  # fmt: skip
    assert not unused, "no document has these: take them out"
    # Not even one of these may name a verb or a flag that is not there.
    for command in filter(why_not, everything):
        for call in re.findall(r"(?:^|[\s/&|;])ocellus ([a-z].*?)(?:[|;&\n]|$)", command):
            words = shlex.split(call, comments=True)
            text = run(words[0], "--help").stdout
            for word in words[1:]:
                if word.startswith("--"):
                    assert re.search(rf"{word.partition('=')[0]}\b", text), command
