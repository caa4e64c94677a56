"""Reads what Strata wrote with the programs that the formats come from.

    python Reference/formats_check.py --make FOLDER    # torchvision's networks, for Strata to read
    STRATA_CHECK_FOLDER=FOLDER swift test --filter FormatsTests
    python Reference/formats_check.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file, save_file

from common import FIXTURES


def check_weights(folder):
    expected = load_file(FIXTURES / "formats" / "kinds.expected.safetensors")
    sharded = {}
    for shard in sorted(folder.glob("sharded-*.safetensors")):
        sharded.update(load_file(shard))
    numpy = {name: torch.from_numpy(array) for name, array in np.load(folder / "weights.npz").items()}
    results = {
        "torch.load": torch.load(folder / "weights.pth", weights_only=True),
        "torch.load, mapped": torch.load(folder / "weights.pth", weights_only=True, mmap=True),
        "safetensors": load_file(folder / "weights.safetensors"), "shards": sharded, "numpy": numpy,
    }
    for name, result in results.items():
        wanted = {k: v for k, v in expected.items() if name != "numpy" or v.dtype != torch.bfloat16}
        assert list(sorted(result)) == sorted(wanted), name
        for key, tensor in wanted.items():
            assert result[key].dtype == tensor.dtype and torch.equal(result[key], tensor), (name, key)
        print(f"{name}: {len(wanted)} tensors equal")


def check_onnx(folder):
    worst, count = 0.0, 0
    for path in sorted(folder.glob("*.onnx")):
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for case in sorted(folder.glob(f"{path.stem}.*.safetensors")):
            tensors = load_file(case)
            wanted = tensors["result"].numpy()
            (found,) = session.run(None, {"image": tensors["image"].numpy()})
            assert found.shape == wanted.shape and found.dtype == wanted.dtype, case.name
            same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
            apart = np.abs(np.where(same, 0, found.astype(np.float64) - wanted)).max(initial=0)
            distance = apart / max(1, np.abs(wanted[np.isfinite(wanted)]).max(initial=0))
            assert distance < 1e-4, (case.name, distance)
            worst, count = max(worst, distance), count + 1
        assert count, path
    models = len(list(folder.glob("*.onnx")))
    print(f"ONNX Runtime: {models} models, {count} calls, worst difference {worst:.1e}")


NETWORKS = ["alexnet", "vgg11_bn", "resnet18", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5",
            "squeezenet1_1", "densenet121", "googlenet", "efficientnet_b0", "mnasnet0_5", "regnet_y_400mf",
            "convnext_tiny"]


def make_networks(folder):
    import torchvision

    folder = folder / "torchvision"
    folder.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        torch.manual_seed(1)
        options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
        model = getattr(torchvision.models, name)(weights=None, **options)
        # Statistics that differ from 0 and 1, so that a mistake with them shows.
        model(torch.randn(2, 3, 224, 224))
        model.eval()
        image = torch.randn(1, 3, 224, 224)
        torch.onnx.export(
            model, (image,), folder / f"{name}.onnx", dynamo=False, opset_version=17,
            input_names=["image"], output_names=["result"],
            dynamic_axes={"image": {0: "batch"}, "result": {0: "batch"}})
        torch.save({"state_dict": model.state_dict()}, folder / f"{name}.pth")
        torch.save(model.state_dict(), folder / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
        with torch.no_grad():
            save_file({"image": image, "result": model(image)}, folder / f"{name}.io.safetensors")
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / f"{name}.safetensors")


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make_networks(Path(sys.argv[2]))
    else:
        check_weights(Path(sys.argv[1]))
        check_onnx(Path(sys.argv[1]))
