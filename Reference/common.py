"""Where the fixtures go and how they are written."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

FIXTURES = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"
VERSION = torch.__version__.split("+")[0]

torch.set_num_threads(1)  # one order of summation, whatever the machine


def write_text(path, text):
    target = FIXTURES / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def write_list(path, entries):
    """A JSON array with one entry a line, so that differences stay readable."""
    lines = ",\n".join(json.dumps(e, ensure_ascii=False, allow_nan=False) for e in entries)
    write_text(path, f"[\n{lines}\n]\n")


def write_cases(path, cases, **header):
    head = json.dumps({"torch": VERSION, **header}, ensure_ascii=False, allow_nan=False)[1:-1]
    lines = ",\n".join(json.dumps(c, ensure_ascii=False, allow_nan=False) for c in cases)
    write_text(path, f'{{{head}, "cases": [\n{lines}\n]}}\n')


def write_tensors(path, tensors):
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, FIXTURES / path)
    (FIXTURES / path).chmod(0o644)  # the writer leaves the file private


def unique(cases):
    names = [c["name"] for c in cases]
    assert len(names) == len(set(names)), [n for n in names if names.count(n) > 1]
    return cases
