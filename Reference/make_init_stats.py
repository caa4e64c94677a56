"""init_stats.json: how PyTorch draws the first weights of a layer, and proof by measurement.

Convolutions and linear layers: kaiming_uniform with a = sqrt(5), which comes to
uniform(-b, b) with b = 1 / sqrt(fan_in), for the weight and for the bias alike.
Batch normalisation: weight one, bias zero, mean zero, variance one.
"""

import math

import torch
from torch import nn

from common import unique, write_cases

LAYERS = [
    ("Conv2d", dict(in_channels=3, out_channels=96, kernel_size=[11, 11], groups=1)),
    ("Conv2d", dict(in_channels=64, out_channels=128, kernel_size=[3, 3], groups=1)),
    ("Conv2d", dict(in_channels=256, out_channels=64, kernel_size=[1, 1], groups=1)),
    ("Conv2d", dict(in_channels=512, out_channels=512, kernel_size=[3, 3], groups=512)),
    ("Conv2d", dict(in_channels=32, out_channels=64, kernel_size=[3, 5], groups=4)),
    ("Linear", dict(in_features=2048, out_features=1000)),
    ("Linear", dict(in_features=9216, out_features=256)),
    ("Linear", dict(in_features=1024, out_features=10)),
]


def measure(tensor):
    t = tensor.detach().double()
    return {"count": t.numel(), "min": t.min().item(), "max": t.max().item(),
            "mean": t.mean().item(), "std": t.std(correction=0).item()}


def uniform_case(kind, args):
    layer = getattr(nn, kind)(**args)
    fan_in = math.prod(layer.weight.shape[1:])
    bound = 1 / math.sqrt(fan_in)
    entry = {"name": f"{kind}_{'_'.join(str(v) for v in args.values())}".replace(" ", ""),
             "type": kind, "args": args, "fan_in": fan_in, "distribution": "uniform"}
    for key in ("weight", "bias"):
        tensor = getattr(layer, key)
        seen = measure(tensor)
        # float32 arithmetic may reach the bound itself, hence the small allowance.
        assert max(-seen["min"], seen["max"]) <= bound * (1 + 1e-6)
        error = bound / math.sqrt(3) / math.sqrt(seen["count"])
        assert abs(seen["mean"]) < 5 * error
        assert abs(seen["std"] - bound / math.sqrt(3)) < 5 * error
        entry[key] = {"shape": list(tensor.shape), "bound": bound, "mean": 0.0,
                      "std": bound / math.sqrt(3), "measured": seen}
    return entry


def constant_case():
    layer = nn.BatchNorm2d(64)
    expected = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0,
                "num_batches_tracked": 0}
    for key, value in expected.items():
        assert (getattr(layer, key) == value).all()
    return {"name": "BatchNorm2d_64", "type": "BatchNorm2d", "args": {"num_features": 64},
            "distribution": "constant", "values": expected}


def main():
    torch.manual_seed(0)
    entries = [uniform_case(kind, args) for kind, args in LAYERS] + [constant_case()]
    write_cases("init_stats.json", unique(entries))


if __name__ == "__main__":
    main()
