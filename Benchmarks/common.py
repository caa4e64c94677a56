"""What both benchmarks need: an interpreter with the rivals, the tool, the machine. Standard library only."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NETWORKS = {"alexnet": "AlexNet", "vgg16": "VGG16", "resnet50": "ResNet50", "mobilenet_v1": "MobileNetV1"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def interpreter():
    """A Python with the rivals: $STRATA_PYTHON, else that of Benchmarks/.venv, which is made at need."""
    if chosen := os.environ.get("STRATA_PYTHON"):
        return chosen
    folder, wanted = HERE / ".venv", HERE / "requirements.txt"
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        say("Installing the rivals into Benchmarks/.venv; PyTorch alone takes gigabytes.")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", wanted], check=True)
        installed.write_text(wanted.read_text())
    return str(python)


def tool(path):
    """The tool at `path`, else a release build of this checkout."""
    if path:
        if not os.access(path, os.X_OK):
            sys.exit(f"{path} is no program")
        return str(Path(path).resolve())
    subprocess.run([ROOT / "script" / "bootstrap"], check=True)
    subprocess.run(["swift", "build", "--package-path", ROOT, "-c", "release", "--product", "strata"],
                   check=True, stdout=sys.stderr)
    return str(ROOT / ".build" / "release" / "strata")


def cores():
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine(strata, threads):
    """The machine in a sentence; a figure without it says nothing."""
    facts = json.loads(subprocess.check_output([strata, "env", "--json"]))
    return (f"{facts['cpu']['model']}, {facts['cpu']['cores']} cores, {facts['onednn']['isa']}, "
            f"{facts['memory']['total_bytes'] / 1e9:.0f} GB, {facts['system']}, {threads} threads")


def table(heads, rows):
    """A Markdown table, aligned so that a terminal shows it well too: text left, numbers right."""
    rows = [heads, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    lines = ["| " + " | ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))) + " |" for row in rows]
    rule = "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths))
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def end_tidily():
    """Being told to end raises, so that `finally` stops the children."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
