"""Many pictures with one load of the model, beside the other ways to ask about them, in one run.

    build/venv/bin/python bench/batch.py                     10,000 drawn pictures, killed twice
    build/venv/bin/python bench/batch.py --pictures 500      fewer

Draws pictures of shapes, then measures pictures a second of
  - `ocellus batch`, killed twice (SIGKILL) on its way and resumed, with its resident memory,
  - a shell loop of `ocellus ask` over some of them,
  - one client of `ocellus serve`, one question at a time, over some of them,
and checks that the batch has a record for each picture, in order, none twice, and answers as the
others do.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

from PIL import Image, ImageDraw

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLOURS = {"red": (220, 38, 38), "green": (38, 160, 60), "blue": (40, 80, 220), "purple": (140, 50, 170),
           "orange": (245, 135, 30), "black": (18, 18, 18)}
QUESTION = "How many shapes are there?"


def draw(folder, count):
    rng = random.Random(23)
    for i in range(count):
        width, height = rng.randint(120, 640), rng.randint(120, 640)
        picture = Image.new("RGB", (width, height), tuple(rng.randint(215, 255) for _ in range(3)))
        pen = ImageDraw.Draw(picture)
        for k in range(rng.randint(1, 3)):
            side = rng.uniform(0.2, 0.28) * min(width, height)
            x, y = width * (0.03 + 0.33 * k), rng.uniform(0.05, 0.65) * height
            colour = COLOURS[rng.choice(list(COLOURS))]
            box = (x, y, x + side, y + side)
            shape = rng.randrange(3)
            if shape == 0:
                pen.ellipse(box, fill=colour)
            elif shape == 1:
                pen.rectangle(box, fill=colour)
            else:
                pen.polygon([(x + side / 2, y), (x, y + side), (x + side, y + side)], fill=colour)
        kind = rng.choice(["jpg", "png", "webp"])
        picture.save(folder / f"{i:05}.{kind}")


def resident(pid):
    """MiB; None: it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else None


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def batch(program, folder, out, kills):
    """Runs it to the end, killed whenever it has come to one of `kills` records. Seconds that it ran,
    and the memory it had, by records."""
    seconds, memory = 0.0, []
    for goal in [*kills, None]:
        begin = time.monotonic()
        process = subprocess.Popen([program, "batch", folder, "-q", QUESTION, "-o", out, "--resume"])
        while process.poll() is None:
            time.sleep(0.2)
            done = lines_of(out)
            if (now := resident(process.pid)) is not None:
                memory.append((done, now))
            if goal is not None and done >= goal:
                process.send_signal(signal.SIGKILL)
                process.wait()
        seconds += time.monotonic() - begin
        if goal is None:
            assert process.returncode == 0, process.returncode
        else:
            assert process.returncode == -signal.SIGKILL, "it was not killed on its way"
            print(f"killed with {lines_of(out)} records")
    return seconds, memory


def by_shell(program, files):
    begin = time.monotonic()
    answers = [subprocess.run([program, "ask", file, QUESTION], capture_output=True, text=True, check=True)
               .stdout.strip() for file in files]
    return answers, time.monotonic() - begin


def by_client(program, files):
    server = subprocess.Popen([program, "serve", "--port", "0", "--backend-port", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = re.search(r"http://\S+", server.stdout.readline())[0]
        begin = time.monotonic()
        answers = []
        for file in files:
            address = "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
            body = {"messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": QUESTION}]}]}
            request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(),
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=600) as reply:
                answers.append(json.load(reply)["choices"][0]["message"]["content"].strip())
        return answers, time.monotonic() - begin
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=300, help="pictures for the loop and the client")
    parser.add_argument("--place", help="a folder that keeps pictures and answers (else one that goes)")
    parser.add_argument("--program", default=os.environ.get("OCELLUS_BIN", ROOT / "build/release/ocellus"))
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        place = options.place or stack.enter_context(tempfile.TemporaryDirectory(prefix="ocellus-batch-"))
        folder, out = pathlib.Path(place, f"pictures-{options.pictures}"), pathlib.Path(place, "answers.jsonl")
        out.unlink(missing_ok=True)
        if not folder.exists():
            folder.mkdir(parents=True)
            draw(folder, options.pictures)
        files = sorted(folder.iterdir())
        some = files[:: max(1, len(files) // options.others)][: options.others]

        seconds, memory = batch(options.program, folder, out, [len(files) // 3, 2 * len(files) // 3])
        records = [json.loads(line) for line in out.read_text().splitlines()]
        assert [record["image"] for record in records] == [str(file) for file in files], "lost, twice or out of order"
        assert len(files) == options.pictures and all("answer" in record for record in records)
        print(f"batch: {len(files)} pictures in {seconds:.1f} s, loads and kills included: "
              f"{len(files) / seconds:.1f} pictures/s")
        last = [(done, mib) for done, mib in memory if done > 2 * len(files) // 3]
        tenths = [last[i * (len(last) - 1) // 9] for i in range(10)]
        print("batch, the last third: MiB resident at records " +
              ", ".join(f"{mib:.0f} at {done}" for done, mib in tenths))

        answer_of = {record["image"]: record["answer"].strip() for record in records}
        for name, ask in (("loop of `ocellus ask`", by_shell), ("one client of the server", by_client)):
            answers, seconds = ask(options.program, some)
            same = sum(answer == answer_of[str(file)] for answer, file in zip(answers, some))
            print(f"{name}: {len(some)} pictures in {seconds:.1f} s: {len(some) / seconds:.1f} pictures/s; "
                  f"{same} of {len(some)} answers are the batch's")


if __name__ == "__main__":
    main()
