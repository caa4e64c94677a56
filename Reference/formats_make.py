"""formats/: small files as torch, numpy and safetensors write them, and what they hold.

Each file has its contents beside it as plain safetensors (the same name with `.expected.safetensors`):
types that Strata lacks become the next wider one there, views become dense.
"""

import collections
import io
import json
import os
import shutil
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

from common import FIXTURES

FOLDER = FIXTURES / "formats"
WIDER = {torch.int8: torch.int32, torch.int16: torch.int32}


def expect(name, tensors):
    plain = {}
    for key, tensor in tensors.items():
        tensor = torch.as_tensor(tensor).detach()
        plain[key] = tensor.to(WIDER.get(tensor.dtype, tensor.dtype)).contiguous().clone()
    target = FOLDER / f"{name}.expected.safetensors"
    save_file(plain, target)
    target.chmod(0o644)


def every_kind():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 4 - 2
    tensors = collections.OrderedDict()
    for kind in ["float32", "float64", "float16", "bfloat16",
                 "int64", "int32", "int16", "int8", "uint8", "bool"]:
        dtype = getattr(torch, kind)
        values = base[:2] if dtype.is_floating_point else base[:2].abs() * 4 % 3
        tensors[f"type.{kind}"] = values.to(dtype)
    tensors["view.rows"] = base[1:3]
    tensors["view.transposed"] = base.t()
    tensors["view.steps"] = base[::2, 1::3]
    tensors["view.column"] = base[:, 2]
    tensors["view.expanded"] = base[0].expand(3, 6)
    tensors["view.permuted"] = base.reshape(2, 3, 4).permute(2, 0, 1)
    tensors["view.int8"] = torch.arange(-8, 8, dtype=torch.int8).reshape(4, 4).t()
    tensors["view.half"] = base.half().reshape(2, 2, 6)[:, 1]
    tensors["shape.scalar"] = torch.tensor(2.5)
    tensors["shape.empty"] = torch.empty(0, 3)
    tensors["shape.ones"] = torch.ones(1, 1, 1, 1)
    tensors["parameter"] = torch.nn.Parameter(torch.linspace(-1, 1, 5))
    tensors["shared.a"] = base
    tensors["shared.b"] = base
    return tensors


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(collections.OrderedDict(
        conv=torch.nn.Conv2d(2, 3, 3), bn=torch.nn.BatchNorm2d(3), flat=torch.nn.Flatten(),
        fc=torch.nn.Linear(12, 2)))


def checkpoints():
    tensors = every_kind()
    expect("kinds", tensors)
    torch.save(tensors, FOLDER / "kinds.pth")
    torch.save(tensors, FOLDER / "kinds_legacy.pth", _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        torch.save(tensors, FOLDER / f"kinds_protocol{protocol}.pth", pickle_protocol=protocol)

    model = network()
    expect("network", model.state_dict())
    torch.save(model.state_dict(), FOLDER / "network.pth")
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 2, 4, 4)).sum().backward()
    optimiser.step()
    model = network()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2, 3])
    parallel = {f"module.{key}": value for key, value in model.state_dict().items()}
    torch.save({
        "epoch": 7, "arch": "small", "state_dict": parallel, "best": 0.75, "none": None,
        "flags": [True, False],
        "optimizer": optimiser.state_dict(), "milestones": scheduler.milestones,
        "size": torch.Size([2, 3]), "dtype": torch.float16, "bytes": b"\x00\xff", "set": {5},
        "huge": 2 ** 80, "negative": -300, "nested": {1: (2, [3, {"x": torch.ones(2)}])},
    }, FOLDER / "whole.pth")
    other = {key: value + 1 for key, value in model.state_dict().items()}
    torch.save({"model": other, "model_ema": parallel}, FOLDER / "ema.pth")
    averaged = torch.optim.swa_utils.AveragedModel(model)
    torch.save({"model_state_dict": averaged.state_dict()}, FOLDER / "averaged.pth")
    torch.save({f"_orig_mod.module.{k}": v for k, v in model.state_dict().items()}, FOLDER / "compiled.pth")
    torch.save(torch.arange(6).reshape(2, 3), FOLDER / "tensor.pth")
    torch.save(model.state_dict()["fc.weight"].untyped_storage(), FOLDER / "storage.pth")
    # Repacked with compression, as some tools do.
    with zipfile.ZipFile(FOLDER / "network.pth") as source, \
            zipfile.ZipFile(FOLDER / "network_deflated.pth", "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))


class Calls:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def hostile():
    torch.save({"w": torch.ones(2), "x": Calls(os.system, "echo harm")}, FOLDER / "hostile_system.pth")
    torch.save({"x": Calls(eval, "1+1")}, FOLDER / "hostile_eval.pth", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), FOLDER / "hostile_module.pth")
    torch.save({"x": np.float64(1.5)}, FOLDER / "hostile_numpy.pth")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), FOLDER / "hostile_script.pt")


def arrays():
    base = np.arange(24, dtype=np.float32).reshape(4, 6) / 4 - 2
    tensors = {
        "plain": base, "fortran": np.asfortranarray(base), "swapped": base.astype(">f4"),
        "double": base.astype(np.float64), "half": base.astype(np.float16), "int64": base.astype(np.int64),
        "int32": base.astype(np.int32), "uint8": np.arange(5, dtype=np.uint8), "bool": base > 0,
        "scalar": np.float32(2.5), "empty": np.zeros((0, 3), np.float32), "folder/name": base[1],
    }
    expect("arrays", {k: np.ascontiguousarray(v).astype(v.dtype.newbyteorder("=")).reshape(v.shape)
                      for k, v in tensors.items()})
    # Without a date, so that the files come out the same each time.
    for name, method in (("arrays.npz", zipfile.ZIP_STORED), ("arrays_compressed.npz", zipfile.ZIP_DEFLATED)):
        (np.savez if method == zipfile.ZIP_STORED else np.savez_compressed)(FOLDER / name, **tensors)
    np.save(FOLDER / "single.npy", base)
    # In another order, with a file that is no array.
    with zipfile.ZipFile(FOLDER / "reversed.npz", "w") as target:
        for key in reversed(list(tensors)):
            stream = io.BytesIO()
            np.save(stream, tensors[key])
            target.writestr(f"{key}.npy", stream.getvalue())
        target.writestr("readme.txt", "not an array")


def shards():
    folder = FOLDER / "sharded"
    folder.mkdir()
    tensors = network().state_dict()
    names = list(tensors)
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    parts = [names[:4], names[4:]]
    for file, part in zip(files, parts):
        save_file({n: tensors[n] for n in part}, folder / file, metadata={"format": "pt"})
        (folder / file).chmod(0o644)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())},
             "weight_map": {n: f for f, part in zip(files, parts) for n in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


class Residual(torch.nn.Module):
    """What torchvision's networks are made of, in small: residuals, gates, shuffles, several pools."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.mean = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
        self.head = nn.Sequential(nn.Linear(16, 12), nn.Hardswish(), nn.Dropout(), nn.Linear(12, 5))

    def forward(self, x):
        functional = torch.nn.functional
        x = self.stem(x)
        y = functional.hardswish(self.norm(self.depthwise(x)))
        gate = self.excite(functional.relu(self.squeeze(functional.adaptive_avg_pool2d(y, 1))))
        x = x + y * functional.hardsigmoid(gate)
        a, b = x.chunk(2, dim=1)
        x = torch.cat([torch.sigmoid(a), functional.silu(b)], dim=1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        x = torch.cat([self.pool(x), functional.pad(self.mean(x), (0, 0, 0, 0))], dim=1)
        x = functional.avg_pool2d(x, 2, 1, padding=1)
        return self.head(torch.flatten(functional.adaptive_avg_pool2d(x, (1, 1)), 1))


class Block(torch.nn.Module):
    """What ConvNeXt and vision transformers need beyond that."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.LayerNorm(6)
        self.up, self.down = torch.nn.Linear(6, 12), torch.nn.Linear(12, 6)
        self.scale = torch.nn.Parameter(torch.full((6, 1, 1), 0.5))

    def forward(self, x):
        y = self.norm(x.permute(0, 2, 3, 1))
        y = self.down(torch.nn.functional.gelu(self.up(y))).permute(0, 3, 1, 2)
        x = x + self.scale * y
        rows = x.flatten(2).transpose(1, 2)
        scores = torch.softmax(rows @ rows.transpose(1, 2) / 6 ** 0.5, dim=-1)
        rows = scores @ rows
        return torch.cat([rows.mean(dim=1), rows[:, 1:, ::2].amax(dim=1), rows[:, 0].clamp(-0.5, 0.5)], dim=1)


def onnx_models():
    for name, model, shape in (("residual", Residual(), (2, 3, 21, 18)), ("block", Block(), (2, 6, 5, 4))):
        torch.manual_seed(3)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
        model.eval()
        image = torch.randn(shape)
        for suffix, folding in (("", True), ("_plain", False)):
            torch.onnx.export(
                model, (image,), FOLDER / f"{name}{suffix}.onnx", dynamo=False, opset_version=17,
                input_names=["image"], output_names=["scores"], do_constant_folding=folding,
                training=torch.onnx.TrainingMode.EVAL if folding else torch.onnx.TrainingMode.PRESERVE,
                dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}})
        one = {"one/image": image[:1], "one/scores": model(image[:1])}
        expect(name, {"image": image, "scores": model(image), **one})


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    checkpoints()
    hostile()
    arrays()
    shards()
    onnx_models()
    print(sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file()), "bytes")


if __name__ == "__main__":
    main()
