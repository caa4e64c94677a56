"""layers.json and layers.safetensors: single layers over a grid of settings.

Weights and inputs come from the formula under the names of the layer's own
state_dict and "input". A training case of BatchNorm2d sees three batches,
"input", "input2" and "input3"; the last output and the statistics are stored.
"""

import math
import warnings

import torch
from torch import nn

import formula
from common import unique, write_cases, write_tensors

LIMIT = 4200  # elements of one input or output; the fixtures must stay small
cases, tensors = [], {}


def add(name, kind, args, shape, mode="eval", input_range=(-1, 1)):
    layer = formula.fill(getattr(nn, kind)(**args)).train(mode == "train")
    batches = ["input", "input2", "input3"] if mode == "train" else ["input"]
    for batch in batches:
        output = layer(formula.input_tensor(shape, batch, *input_range))
    assert max(math.prod(shape), output.numel()) <= LIMIT, (name, shape, output.shape)
    assert output.isfinite().all(), name
    tensors[f"{name}/output"] = output
    if mode == "train":
        tensors.update({f"{name}/{key}": t for key, t in layer.named_buffers()})
    cases.append({"name": name, "type": kind, "args": args, "input_shape": list(shape),
                  "input_range": list(input_range), "inputs": batches, "mode": mode,
                  "output_shape": list(output.shape)})


def pair(value):
    return [value, value] if isinstance(value, int) else list(value)


def label(value):
    return value if isinstance(value, str) else "x".join(str(v) for v in pair(value))


# in, out, kernel, stride, padding, dilation, groups, bias, input shape
CONVOLUTIONS = [
    # The shapes of the four networks, made small.
    (3, 16, 11, 4, 2, 1, 1, True, (1, 3, 35, 35)),
    (3, 16, 11, 4, 2, 1, 1, True, (1, 3, 33, 36)),
    (3, 5, 11, 4, 2, 1, 1, False, (3, 3, 19, 17)),
    (16, 32, 5, 1, 2, 1, 1, True, (1, 16, 9, 9)),
    (16, 17, 5, 1, 2, 1, 1, True, (2, 16, 7, 7)),
    (3, 64, 3, 1, 1, 1, 1, True, (1, 3, 8, 8)),
    (64, 64, 3, 1, 1, 1, 1, True, (1, 64, 7, 7)),
    (32, 64, 3, 1, 1, 1, 1, False, (1, 32, 8, 7)),
    (17, 16, 3, 1, 1, 1, 1, True, (3, 17, 6, 7)),
    (3, 16, 7, 2, 3, 1, 1, False, (1, 3, 29, 29)),
    (3, 17, 7, 2, 3, 1, 1, True, (2, 3, 17, 18)),
    (3, 32, 3, 2, 1, 1, 1, False, (1, 3, 21, 22)),
    (16, 64, 1, 1, 0, 1, 1, False, (1, 16, 7, 7)),
    (64, 16, 1, 1, 0, 1, 1, False, (1, 64, 7, 7)),
    (64, 32, 1, 2, 0, 1, 1, False, (1, 64, 8, 8)),
    (64, 32, 1, 2, 0, 1, 1, True, (1, 64, 7, 7)),
    (32, 32, 3, 1, 1, 1, 32, False, (1, 32, 9, 9)),
    (32, 32, 3, 2, 1, 1, 32, False, (1, 32, 10, 10)),
    (64, 64, 3, 2, 1, 1, 64, False, (1, 64, 7, 7)),
    (17, 17, 3, 1, 1, 1, 17, True, (2, 17, 8, 9)),
    # Depthwise with other kernels, strides, dilations and multipliers.
    (5, 5, 5, 1, 2, 1, 5, True, (2, 5, 11, 13)),
    (16, 16, 7, 1, 3, 1, 16, True, (1, 16, 11, 9)),
    (16, 32, 3, 1, 1, 1, 16, True, (1, 16, 8, 8)),
    (5, 10, 3, 2, 1, 1, 5, False, (2, 5, 9, 9)),
    (3, 6, (3, 5), 1, (1, 2), 1, 3, True, (2, 3, 9, 11)),
    (16, 16, 3, 1, 2, 2, 16, False, (1, 16, 9, 9)),
    (16, 16, 3, 3, 0, 1, 16, True, (1, 16, 12, 13)),
    (32, 32, 1, 1, 0, 1, 32, True, (1, 32, 5, 5)),
    (32, 64, 2, 2, 1, 1, 32, True, (1, 32, 7, 7)),
    (1, 1, 3, 1, 1, 1, 1, True, (3, 1, 9, 9)),
    # Groups.
    (16, 32, 3, 1, 1, 1, 2, True, (1, 16, 8, 8)),
    (16, 16, 3, 2, 1, 1, 4, False, (2, 16, 9, 9)),
    (64, 32, 1, 1, 0, 1, 4, True, (1, 64, 6, 6)),
    (32, 64, 5, 2, 2, 1, 4, True, (1, 32, 9, 9)),
    (6, 10, 3, 1, 0, 1, 2, True, (3, 6, 7, 7)),
    (4, 8, (5, 3), (2, 1), (2, 1), (1, 2), 2, False, (2, 4, 13, 11)),
    (64, 64, 3, 1, 1, 1, 4, False, (1, 64, 5, 6)),
    (12, 24, 3, 1, 1, 1, 12, True, (2, 12, 6, 6)),
    # Kernels.
    (1, 1, 1, 1, 0, 1, 1, True, (1, 1, 1, 1)),
    (1, 5, 2, 1, 0, 1, 1, True, (2, 1, 7, 8)),
    (3, 16, 2, 2, 0, 1, 1, False, (1, 3, 11, 11)),
    (5, 16, 3, 1, 0, 1, 1, True, (3, 5, 7, 9)),
    (5, 3, (3, 5), 1, 0, 1, 1, True, (2, 5, 9, 9)),
    (3, 16, (5, 3), 1, (2, 1), 1, 1, True, (1, 3, 11, 13)),
    (16, 5, (1, 7), 1, (0, 3), 1, 1, False, (1, 16, 9, 11)),
    (16, 5, (7, 1), 1, (3, 0), 1, 1, True, (1, 16, 11, 9)),
    (17, 32, 7, 1, 0, 1, 1, True, (1, 17, 7, 7)),
    (17, 5, 7, 1, 3, 1, 1, True, (1, 17, 8, 11)),
    (3, 5, 11, 1, 5, 1, 1, True, (1, 3, 13, 15)),
    (1, 3, 11, 1, 0, 1, 1, False, (2, 1, 11, 14)),
    (16, 17, 3, 1, 1, 1, 1, True, (1, 16, 1, 1)),
    (5, 16, 3, 1, 1, 1, 1, True, (2, 5, 1, 9)),
    (5, 16, 3, 1, 1, 1, 1, True, (2, 5, 9, 1)),
    (64, 17, 3, 1, 1, 1, 1, True, (2, 64, 4, 4)),
    # Strides.
    (3, 16, 3, 3, 1, 1, 1, True, (2, 3, 13, 14)),
    (5, 17, 3, 4, 0, 1, 1, True, (1, 5, 18, 19)),
    (3, 5, 1, 3, 0, 1, 1, True, (2, 3, 11, 12)),
    (16, 32, 1, 4, 0, 1, 1, False, (1, 16, 13, 9)),
    (3, 16, 3, (2, 1), 1, 1, 1, True, (1, 3, 13, 13)),
    (3, 16, 3, (1, 3), 1, 1, 1, True, (1, 3, 13, 13)),
    (5, 16, 5, (3, 2), 2, 1, 1, True, (2, 5, 14, 15)),
    (16, 16, 2, 3, 0, 1, 1, True, (1, 16, 11, 12)),
    # Padding.
    (3, 16, 3, 1, 2, 1, 1, True, (1, 3, 9, 9)),
    (3, 16, 3, 2, 3, 1, 1, True, (1, 3, 9, 10)),
    (5, 3, 3, 1, 4, 1, 1, False, (2, 5, 5, 5)),
    (5, 3, 5, 2, 5, 1, 1, True, (2, 5, 6, 7)),
    (16, 17, 1, 1, 1, 1, 1, True, (1, 16, 5, 5)),
    (16, 17, 1, 2, 1, 1, 1, True, (1, 16, 6, 5)),
    (3, 16, 3, 1, (0, 2), 1, 1, True, (1, 3, 7, 7)),
    (3, 5, 7, 2, (3, 1), 1, 1, True, (1, 3, 15, 12)),
    # Dilation.
    (3, 16, 3, 1, 0, 2, 1, True, (1, 3, 13, 13)),
    (5, 16, 3, 1, 3, 3, 1, True, (1, 5, 11, 11)),
    (16, 16, 3, 2, 2, 2, 1, False, (1, 16, 13, 11)),
    (16, 32, 5, 1, 4, 2, 1, True, (1, 16, 9, 8)),
    (3, 5, (3, 5), 1, 0, (3, 2), 1, True, (2, 3, 13, 14)),
    (3, 5, 2, 1, 1, 3, 1, True, (2, 3, 9, 9)),
    (16, 16, 3, 3, 3, 3, 4, True, (1, 16, 13, 13)),
    # Padding by name.
    (3, 16, 3, 1, "same", 1, 1, True, (1, 3, 9, 11)),
    (3, 16, 5, 1, "same", 2, 1, True, (1, 3, 11, 12)),
    (5, 5, (2, 4), 1, "same", 1, 5, False, (2, 5, 7, 8)),  # odd remainder: more on the far side
    (5, 16, 3, 2, "valid", 1, 1, True, (1, 5, 11, 12)),
]


def convolutions():
    for i, o, kernel, stride, padding, dilation, groups, bias, shape in CONVOLUTIONS:
        args = {"in_channels": i, "out_channels": o, "kernel_size": pair(kernel),
                "stride": pair(stride), "dilation": pair(dilation), "groups": groups,
                "padding": padding if isinstance(padding, str) else pair(padding), "bias": bias}
        name = (f"conv_{i}_{o}_k{label(kernel)}_s{label(stride)}_p{label(padding)}"
                f"_d{label(dilation)}_g{groups}_b{int(bias)}_n{'x'.join(map(str, shape))}")
        add(name, "Conv2d", args, shape)


def batch_norms():
    for channels, shape, eps, affine in [
        (3, (2, 3, 7, 9), 1e-5, True), (16, (1, 16, 5, 5), 1e-5, True),
        (17, (3, 17, 4, 5), 1e-3, True), (64, (1, 64, 3, 3), 1e-5, True),
        (5, (2, 5, 1, 1), 1e-5, True), (3, (2, 3, 5, 5), 1e-5, False),
        (16, (1, 16, 4, 4), 0.1, False), (1, (1, 1, 3, 11), 1e-2, True),
    ]:
        args = {"num_features": channels, "eps": eps, "momentum": 0.1, "affine": affine,
                "track_running_stats": True}
        add(f"bn_eval_{channels}_eps{eps}_affine{int(affine)}", "BatchNorm2d", args, shape)

    # Without running statistics even eval mode normalises by the batch.
    for affine in (True, False):
        args = {"num_features": 4, "eps": 1e-5, "momentum": 0.1, "affine": affine,
                "track_running_stats": False}
        add(f"bn_eval_untracked_affine{int(affine)}", "BatchNorm2d", args, (2, 4, 5, 3))
        add(f"bn_train_untracked_affine{int(affine)}", "BatchNorm2d", args, (2, 4, 5, 3), "train")

    for momentum in (0.1, 0.3, None):
        for channels, shape, affine in [(3, (2, 3, 5, 7), True), (16, (3, 16, 4, 4), True),
                                        (5, (2, 5, 6, 3), False), (17, (1, 17, 3, 5), True)]:
            args = {"num_features": channels, "eps": 1e-5, "momentum": momentum,
                    "affine": affine, "track_running_stats": True}
            add(f"bn_train_{channels}_m{momentum}_affine{int(affine)}", "BatchNorm2d", args,
                shape, "train", (-2, 3))


def activations():
    layers = [("relu", "ReLU", {"inplace": False}), ("relu_inplace", "ReLU", {"inplace": True}),
              ("relu6", "ReLU6", {"inplace": False}), ("hardswish", "Hardswish", {"inplace": False}),
              ("hardsigmoid", "Hardsigmoid", {"inplace": False}), ("sigmoid", "Sigmoid", {}),
              ("silu", "SiLU", {"inplace": False}), ("gelu_none", "GELU", {"approximate": "none"}),
              ("gelu_tanh", "GELU", {"approximate": "tanh"}), ("tanh", "Tanh", {}),
              ("leaky_relu", "LeakyReLU", {"negative_slope": 0.01, "inplace": False}),
              ("leaky_relu_0.2", "LeakyReLU", {"negative_slope": 0.2, "inplace": False}),
              ("identity", "Identity", {}), ("dropout_eval", "Dropout", {"p": 0.5, "inplace": False})]
    for name, kind, args in layers:
        add(name, kind, args, (2, 3, 7, 11), input_range=(-8, 8))
    for name, kind, args in layers:
        if name in ("sigmoid", "silu", "gelu_none", "gelu_tanh", "tanh", "hardswish"):
            add(f"{name}_wide", kind, args, (333,), input_range=(-120, 120))
            add(f"{name}_near_zero", kind, args, (5, 13), input_range=(-0.01, 0.01))


# kernel, stride, padding, dilation, ceil_mode, input shape
MAX_POOLS = [
    (2, 2, 0, 1, False, (1, 3, 8, 8)), (2, 2, 0, 1, False, (2, 3, 9, 7)),
    (2, 2, 0, 1, True, (2, 3, 9, 7)), (3, 2, 0, 1, False, (1, 5, 13, 13)),
    (3, 2, 0, 1, False, (1, 5, 14, 12)), (3, 2, 0, 1, True, (1, 5, 14, 12)),
    (3, 2, 1, 1, False, (1, 5, 14, 14)), (3, 2, 1, 1, False, (2, 4, 15, 11)),
    (3, 2, 1, 1, True, (2, 4, 15, 11)), (3, 2, 1, 1, True, (2, 4, 16, 12)),
    (3, 1, 1, 1, False, (1, 4, 9, 9)), (3, 1, 0, 1, False, (3, 2, 9, 8)),
    (3, 3, 0, 1, False, (1, 3, 11, 11)), (3, 3, 1, 1, True, (1, 3, 11, 12)),
    (1, 1, 0, 1, False, (1, 3, 5, 5)), (1, 2, 0, 1, False, (1, 3, 7, 6)),
    (2, 1, 1, 1, False, (1, 3, 6, 6)), (2, 3, 0, 1, True, (1, 3, 9, 10)),
    (2, 3, 1, 1, True, (2, 3, 9, 10)), (5, 2, 2, 1, False, (1, 2, 13, 15)),
    (5, 3, 2, 1, True, (1, 2, 14, 15)), (5, 4, 1, 1, False, (1, 2, 17, 18)),
    ((3, 2), (2, 1), (1, 0), 1, False, (2, 3, 9, 9)), ((2, 3), (1, 2), (1, 1), 1, True, (2, 3, 8, 10)),
    ((1, 4), (1, 4), 0, 1, False, (1, 3, 5, 13)), (3, 1, 1, 2, False, (1, 3, 11, 11)),
    (3, 2, 0, 2, True, (1, 3, 12, 11)), (2, 2, 1, 3, False, (1, 3, 11, 12)),
    (3, (2, 1), (1, 0), (1, 2), False, (1, 3, 9, 11)), (7, 7, 0, 1, False, (2, 5, 7, 7)),
    (3, 5, 1, 1, True, (1, 3, 11, 16)), (11, 1, 5, 1, False, (1, 2, 12, 13)),
]


def max_pools():
    def args(kernel, stride, padding, dilation, ceil):
        return {"kernel_size": pair(kernel), "stride": pair(stride), "padding": pair(padding),
                "dilation": pair(dilation), "ceil_mode": ceil}

    for *settings, shape in MAX_POOLS:
        k, s, p, d, ceil = settings
        name = (f"max_pool_k{label(k)}_s{label(s)}_p{label(p)}_d{label(d)}_ceil{int(ceil)}"
                f"_n{'x'.join(map(str, shape))}")
        add(name, "MaxPool2d", args(*settings), shape)
    # All inputs negative: padding must never win.
    add("max_pool_negative", "MaxPool2d", args(3, 2, 1, 1, False), (1, 3, 8, 9), input_range=(-3, -1))
    add("max_pool_negative_ceil", "MaxPool2d", args(2, 2, 1, 1, True), (1, 3, 7, 8), input_range=(-3, -1))


# kernel, stride, padding, ceil_mode, count_include_pad, divisor_override, input shape
AVG_POOLS = [
    (2, 2, 0, False, True, None, (1, 3, 8, 8)), (2, 2, 0, False, True, None, (2, 3, 9, 7)),
    (2, 2, 0, True, True, None, (2, 3, 9, 7)), (2, 2, 0, True, False, None, (2, 3, 9, 7)),
    (3, 2, 1, False, True, None, (1, 4, 11, 12)), (3, 2, 1, False, False, None, (1, 4, 11, 12)),
    (3, 2, 1, True, True, None, (1, 4, 11, 12)), (3, 2, 1, True, False, None, (1, 4, 11, 12)),
    (3, 1, 1, False, True, None, (2, 3, 7, 7)), (3, 1, 1, False, False, None, (2, 3, 7, 7)),
    (3, 3, 0, True, True, None, (1, 3, 10, 11)), (3, 3, 1, True, True, None, (1, 3, 10, 11)),
    (7, 1, 0, False, True, None, (2, 16, 7, 7)), (7, 1, 0, False, True, None, (1, 5, 9, 8)),
    (5, 2, 2, False, False, None, (1, 3, 13, 14)), (1, 2, 0, False, True, None, (1, 3, 7, 8)),
    ((3, 2), (2, 1), (1, 0), False, True, None, (2, 3, 9, 9)),
    ((2, 5), (1, 3), (1, 2), True, False, None, (2, 3, 8, 12)),
    ((2, 5), (1, 3), (1, 2), True, True, None, (2, 3, 8, 12)),
    (2, 3, 1, True, True, None, (1, 3, 9, 10)), (2, 2, 0, False, True, 3, (1, 3, 8, 8)),
    (3, 2, 1, False, False, 5, (1, 3, 9, 9)), (3, 2, 1, True, True, 1, (1, 3, 10, 9)),
    (2, 2, 0, True, True, -2, (1, 3, 9, 9)),
]


def avg_pools():
    for k, s, p, ceil, include, divisor, shape in AVG_POOLS:
        name = (f"avg_pool_k{label(k)}_s{label(s)}_p{label(p)}_ceil{int(ceil)}_inc{int(include)}"
                f"_div{divisor}_n{'x'.join(map(str, shape))}")
        add(name, "AvgPool2d",
            {"kernel_size": pair(k), "stride": pair(s), "padding": pair(p), "ceil_mode": ceil,
             "count_include_pad": include, "divisor_override": divisor}, shape)


def adaptive_pools():
    for size, shape in [
        (1, (1, 16, 7, 7)), (1, (3, 5, 9, 4)), ([1, 1], (2, 17, 6, 6)), ([3, 5], (1, 3, 9, 11)),
        ([3, 5], (2, 3, 5, 5)), (7, (1, 3, 5, 5)), (7, (1, 3, 7, 7)), (7, (1, 3, 13, 15)),
        ([None, 1], (2, 3, 6, 7)), ([2, None], (1, 3, 7, 8)), ([6, 6], (1, 4, 13, 13)),
        ([4, 3], (2, 3, 10, 10)), (5, (1, 2, 1, 1)), ([7, 2], (1, 3, 4, 17)),
    ]:
        text = str(size).replace(" ", "")
        add(f"adaptive_avg_pool_{text}_n{'x'.join(map(str, shape))}", "AdaptiveAvgPool2d",
            {"output_size": size}, shape)


def linears():
    for i, o, bias, shape in [
        (9, 7, True, (1, 9)), (64, 10, True, (3, 64)), (17, 5, False, (2, 17)),
        (33, 65, True, (4, 33)), (1, 1, True, (5, 1)), (5, 3, True, (2, 4, 5)),
        (16, 8, False, (3, 2, 16)), (12, 6, True, (12,)), (7, 2, False, (7,)),
        (6, 4, True, (2, 3, 2, 6)), (512, 100, True, (2, 512)), (1000, 3, True, (1, 1000)),
    ]:
        name = f"linear_{i}_{o}_b{int(bias)}_n{'x'.join(map(str, shape))}"
        add(name, "Linear", {"in_features": i, "out_features": o, "bias": bias}, shape)


def the_rest():
    for kind in ("Softmax", "LogSoftmax"):
        for dim, shape in [(1, (3, 10)), (-1, (2, 3, 5)), (0, (4, 6)), (1, (2, 3, 4, 5)), (2, (2, 3, 4, 5)),
                           (0, (7,))]:
            add(f"{kind.lower()}_dim{dim}_{len(shape)}d", kind, {"dim": dim}, shape, input_range=(-8, 8))
        add(f"{kind.lower()}_large", kind, {"dim": -1}, (2, 50), input_range=(-200, 200))
    for start, end, shape in [(1, -1, (2, 3, 4, 5)), (0, -1, (2, 3, 4)), (2, 3, (2, 3, 4, 5)),
                              (1, 2, (2, 3, 4, 5)), (-2, -1, (2, 3, 4)), (1, -1, (3, 7)), (0, -1, (5,))]:
        add(f"flatten_{start}_{end}_{len(shape)}d", "Flatten", {"start_dim": start, "end_dim": end}, shape)
    # A missing batch dimension is allowed wherever PyTorch allows it.
    add("unbatched_conv", "Conv2d",
        {"in_channels": 3, "out_channels": 4, "kernel_size": [3, 3], "stride": [1, 1],
         "padding": [1, 1], "dilation": [1, 1], "groups": 1, "bias": True}, (3, 6, 7))
    add("unbatched_max_pool", "MaxPool2d",
        {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0], "dilation": [1, 1],
         "ceil_mode": False}, (3, 6, 7))
    add("unbatched_avg_pool", "AvgPool2d",
        {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0], "ceil_mode": False,
         "count_include_pad": True, "divisor_override": None}, (3, 6, 7))
    add("unbatched_adaptive_avg_pool", "AdaptiveAvgPool2d", {"output_size": [2, 3]}, (3, 6, 7))


@torch.no_grad()
def main():
    # padding="same" with an even kernel is meant here, extra copy and all.
    warnings.filterwarnings("ignore", message="Using padding='same'")
    for part in (convolutions, batch_norms, activations, max_pools, avg_pools,
                 adaptive_pools, linears, the_rest):
        before = len(cases)
        part()
        print(f"{part.__name__}: {len(cases) - before}")
    write_cases("layers.json", unique(cases))
    write_tensors("layers.safetensors", tensors)


if __name__ == "__main__":
    main()
