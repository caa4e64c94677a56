"""complexity.json: what fvcore, torchinfo, thop and PyTorch's FlopCounterMode count, module by module.

Needs their packages besides PyTorch: pip install fvcore torchinfo ultralytics-thop
"""

import json
import logging
import math
from importlib.metadata import version

import thop
import torch
import torchinfo
import torchvision
from fvcore.nn import FlopCountAnalysis
from torch.utils.flop_counter import FlopCounterMode

from common import VERSION, write_text
from networks import NETWORKS

TORCHVISION = [
    "alexnet", "vgg16", "vgg19_bn", "googlenet", "resnet18", "resnet50", "resnext50_32x4d", "squeezenet1_1",
    "densenet121", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet0_5",
    "efficientnet_b0", "regnet_y_400mf", "convnext_tiny",
]
SHAPE = [1, 3, 224, 224]


def leaves(model):
    return {path for path, module in model.named_modules() if next(module.children(), None) is None}


def fvcore_counts(model, x):
    analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return {path: int(count) for path, count in analysis.by_module().items()}


def torchinfo_counts(model, x):
    stats = torchinfo.summary(model, input_data=x, depth=100, verbose=0)
    paths = {id(module): path for path, module in model.named_modules()}
    counts = {paths[id(row.module)]: row.macs for row in stats.summary_list if row.is_leaf_layer}
    counts[""] = stats.total_mult_adds
    return counts


def thop_counts(model, x):
    total, _, tree = thop.profile(model, inputs=(x,), verbose=False, ret_layer_info=True)
    counts = {"": int(total)}

    def walk(tree, path):
        for name, (macs, _, children) in tree.items():
            counts[f"{path}{name}"] = int(macs)
            walk(children, f"{path}{name}.")

    walk(tree, "")
    return counts


def flop_counts(model, x):
    with FlopCounterMode(display=False, depth=None) as counter:
        model(x)
    root = type(model).__name__
    counts = {path.removeprefix(root).removeprefix("."): sum(ops.values())
              for path, ops in counter.get_flop_counts().items() if path != "Global"}
    counts[""] = counter.get_total_flops()
    return counts


TOOLS = {"fvcore": fvcore_counts, "torchinfo": torchinfo_counts, "thop": thop_counts, "flops": flop_counts}


def describe(model, *, by_layer):
    model.eval()
    result = {}
    for tool, count in TOOLS.items():
        with torch.no_grad():
            counts = count(model, torch.zeros(SHAPE))
        result[tool] = {"total": counts.pop("")}
        if by_layer:
            paths = leaves(model)
            result[tool]["layers"] = {path: n for path, n in counts.items() if path in paths and n > 0}
            assert sum(result[tool]["layers"].values()) == result[tool]["total"], tool
    return result


def main():
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    lab = {name: describe(network(num_classes=1000), by_layer=True)
           for name, (network, _, _) in NETWORKS.items()}
    options = {"googlenet": dict(aux_logits=False, init_weights=False)}
    others = {}
    for name in TORCHVISION:
        model = torchvision.models.get_model(name, weights=None, **options.get(name, {}))
        others[name] = describe(model, by_layer=False)
        others[name]["parameters"] = sum(math.prod(p.shape) for p in model.parameters())
    versions = {name: version(package) for name, package in
                [("fvcore", "fvcore"), ("torchinfo", "torchinfo"), ("thop", "ultralytics-thop")]}
    write_text("complexity.json", json.dumps(
        {"torch": VERSION, **versions, "lab": lab, "torchvision": others}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
