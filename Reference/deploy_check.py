"""Takes networks through Strata's tool and back, in every format, and compares scores with PyTorch's.

    python Reference/deploy_check.py .build/release/strata

For each network of torchvision: files that torch.save (both formats), safetensors, numpy and torch.onnx.export
write go through `strata run`; files that `strata convert` and `strata export` write go through
torch.load(weights_only=True), safetensors.torch, numpy, onnx.checker and ONNX Runtime. The exit status is 1 if
any scores are further apart than 1e-4 of the largest.
"""

import subprocess
import sys
import tempfile
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4
# By Strata's names; behind the @ stands which of several readings of a name is torchvision's.
NETWORKS = ["alexnet@torchvision", "vgg11_bn", "resnet18", "resnet50@torchvision", "wide_resnet50_2",
            "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "densenet121",
            "googlenet", "efficientnet_b0", "mnasnet0_5", "regnet_y_400mf", "convnext_tiny"]


def make(name):
    """A network whose statistics differ from 0 and 1, so that a mistake with them shows."""
    torch.manual_seed(1)
    base = name.split("@")[0]
    options = {"aux_logits": False, "init_weights": False} if base == "googlenet" else {}
    model = getattr(torchvision.models, base)(weights=None, **options)
    model(torch.randn(2, 3, 224, 224))
    for key, value in model.state_dict().items():
        if key.endswith("running_var"):
            value.mul_(torch.empty_like(value).uniform_(0.5, 2))
    return model.eval()


def distance(found, wanted):
    found, wanted = np.asarray(found), np.asarray(wanted)
    return np.abs(found - wanted).max() / np.abs(wanted).max() if found.shape == wanted.shape else np.inf


class Check:
    def __init__(self, tool, name, folder):
        self.tool, self.name, self.folder = tool, name, folder
        self.model, self.image = make(name), torch.randn(3, 3, 224, 224)
        self.scores = self.model(self.image).numpy()
        self.state = {key: value.contiguous() for key, value in self.model.state_dict().items()}
        np.save(folder / "x.npy", self.image.numpy())
        self.results = {}

    def strata(self, *arguments):
        subprocess.run([self.tool, *arguments], check=True)

    def run(self, kind, *network):
        """The tool's scores."""
        output = self.folder / "y.npy"
        self.strata("run", *network, "--input", self.folder / "x.npy", "--output", output)
        self.results[kind] = distance(np.load(output), self.scores)

    def read(self):
        folder = self.folder
        torch.save({"epoch": 3, "state_dict": self.state}, folder / "w.pth")
        torch.save(self.state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
        save_file(self.state, folder / "w.safetensors")
        np.savez(folder / "w.npz", **{key: value.numpy() for key, value in self.state.items()})
        torch.onnx.export(self.model, (self.image,), folder / "w.onnx", dynamo=False, opset_version=17,
                          input_names=["image"], output_names=["scores"],
                          dynamic_axes={"image": {0: "N"}, "scores": {0: "N"}})
        for file in ["w.pth", "legacy.pth", "w.safetensors", "w.npz"]:
            self.run(f"from {file}", self.name, "--weights", folder / file)
        self.run("from w.onnx", folder / "w.onnx")

    def scores_of(self, state):
        again = make(self.name)
        # MNASNet asks for the version of its class, which PyTorch keeps beside the tensors and other formats do not.
        state = OrderedDict(state)
        state._metadata = again.state_dict()._metadata
        again.load_state_dict(state)
        return again(self.image).numpy()

    def write(self):
        folder = self.folder
        source = folder / "legacy.pth"
        for file in ["o.pth", "o.safetensors", "o.npz"]:
            self.strata("convert", source, folder / file)
        states = {
            "to torch": torch.load(folder / "o.pth", weights_only=True),
            "to safetensors": load_file(folder / "o.safetensors"),
            "to numpy": {key: torch.from_numpy(value) for key, value in np.load(folder / "o.npz").items()},
        }
        for kind, state in states.items():
            self.results[kind] = distance(self.scores_of(state), self.scores)
        for kind, options in [("to ONNX", []), ("to ONNX, folded", ["--fold-bn"])]:
            path = folder / "o.onnx"
            self.strata("export", self.name, "--weights", source, "--output", path, *options)
            onnx.checker.check_model(str(path), full_check=True)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            feed = session.get_inputs()[0].name
            for batch in [1, 3]:  # the batch axis is open
                (found,) = session.run(None, {feed: self.image[:batch].numpy()})
                apart = distance(found, self.scores[:batch])
                self.results[kind] = max(apart, self.results.get(kind, 0))


def main():
    warnings.filterwarnings("ignore")
    tool, *names = sys.argv[1:]
    tool = str(Path(tool).resolve())
    worst = {}
    with torch.no_grad():
        for name in names or NETWORKS:
            with tempfile.TemporaryDirectory() as folder:
                check = Check(tool, name, Path(folder))
                check.read()
                check.write()
            print(f"{name}: " + ", ".join(f"{kind} {apart:.1e}" for kind, apart in check.results.items()),
                  flush=True)
            for kind, apart in check.results.items():
                worst[kind] = max(worst.get(kind, 0), apart)
    print("Worst: " + ", ".join(f"{kind} {apart:.1e}" for kind, apart in worst.items()))
    return 0 if max(worst.values()) <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
