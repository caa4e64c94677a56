"""What the proofs in this folder share: runs of the tool, and what they leave behind. Standard library only."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIGITS = str(ROOT / "Tests" / "Fixtures" / "digits")
SHAPES = ["--width", 0.5, "--batch", 32, "--warmup-epochs", 1, "--weight-decay", 5e-4, "--augment", "flip,crop"]


def ranks(count):
    """What starts a command as several processes."""
    return ["mpirun", "-n", str(count)]


def share_cores():
    """Lets mpirun start more processes than there are cores, as root too; threads that wait leave the cores free."""
    os.environ.update({
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_hwloc_base_binding_policy": "none",
        "PRTE_MCA_hwloc_default_binding_policy": "none", "OMP_WAIT_POLICY": "passive"})


def strata(tool, *arguments, launcher=()):
    """The result of a command as JSON, and the seconds that it took."""
    start = time.monotonic()
    done = subprocess.run([*launcher, tool, *map(str, arguments), "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr.decode()}")
    return json.loads(done.stdout), time.monotonic() - start


def weights(folder):
    """The hash of a run's last weights."""
    return json.loads((Path(folder) / "manifest.json").read_text())["result"]["last_weights"]


def report(name, is_good, text):
    print(f"{'ok    ' if is_good else 'FAILED'}  {name}: {text}", flush=True)
    return is_good


def header(path):
    """What a file of safetensors says of itself; fails where it is not whole."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(size))
        end = max(entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__")
        if file.seek(0, 2) != 8 + size + end:
            sys.exit(f"{path} is torn")
    return entries, 8 + size


def checkpoint_step(folder):
    """The step that a run can go on from; -1 where it cannot yet. Files are replaced as wholes: none is torn."""
    try:
        entries, _ = header(f"{folder}/checkpoint.safetensors")
    except FileNotFoundError:
        return -1
    return json.loads(entries["__metadata__"]["strata.training"])["step"]


def same_files(folder, other, names=("best.safetensors", "last.safetensors")):
    return all(Path(folder, name).read_bytes() == Path(other, name).read_bytes() for name in names)


def main(proofs, description):
    """Runs the proofs that are named on the command line; the exit status is 1 if one fails."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proofs", nargs="*", choices=[*proofs, []], help="which; all if none is named")
    parser.add_argument("--strata", default=str(ROOT / ".build" / "release" / "strata"), help="the tool")
    parser.add_argument("--keep", help="keep the runs in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        results = [proofs[name](options.strata, folder) for name in options.proofs or proofs]
    sys.exit(0 if all(results) else 1)
