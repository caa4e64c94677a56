"""feature_maps.json: shapes of all leaf outputs, keys of the state_dict, multiply-adds."""

import json
import math

import torch
from torch import nn

from common import VERSION, write_text
from networks import NETWORKS, parameter_count, skeleton


def multiply_adds(module, output):
    """Convolution and linear layers only; one multiply-add counts once."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        return math.prod(output.shape[1:]) * math.prod(module.weight.shape[1:])
    return 0


def describe(name):
    model = skeleton(name).eval()
    calls, total = [], 0

    def record(path):
        def hook(module, inputs, output):
            nonlocal total
            total += multiply_adds(module, output)
            calls.append({"path": path, "type": type(module).__name__, "shape": list(output.shape)})
        return hook

    for path, module in model.named_modules():
        if next(module.children(), None) is None:
            module.register_forward_hook(record(path))
    model(torch.empty(1, 3, 224, 224, device="meta"))  # shapes need no numbers
    assert total == NETWORKS[name][2], (name, total)
    return {
        "class": type(model).__name__,
        "parameters": parameter_count(model),
        "macs": total,
        "calls": calls,
        "parameter_names": [key for key, _ in model.named_parameters()],
        "state_dict": [{"key": k, "shape": list(t.shape), "dtype": str(t.dtype)[6:]}
                       for k, t in model.state_dict().items()],
    }


def main():
    networks = {name: describe(name) for name in NETWORKS}
    write_text("feature_maps.json",
               json.dumps({"torch": VERSION, "input_shape": [1, 3, 224, 224],
                           "networks": networks}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
