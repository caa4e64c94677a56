"""gradients.json and gradients.safetensors: what autograd gives for operations and layers.

The cases are those of tensorops.json and layers.json, and some for operations that only training and other
networks have. The loss is the sum of the result times the formula tensor "seed" of its shape, over -1..<1, so
that every element of the result has a gradient of its own. Of each gradient are stored, in this order: its norm,
its largest magnitude, its product with the formula tensor "probe" of its shape, and up to 24 elements spread
evenly: element i of n is number i * count // n.
"""

import json

import torch
from torch import nn

import formula
import make_tensorops
from common import FIXTURES, unique, write_cases, write_tensors

SAMPLES = 24
cases, tensors = [], {}


def digest(gradient):
    flat = gradient.detach().flatten().double()
    probe = formula.values("probe", gradient.shape, -1, 1).flatten().double()
    count = min(SAMPLES, flat.numel())
    samples = flat[[i * flat.numel() // count for i in range(count)]]
    head = torch.stack([flat.norm(), flat.abs().max(), flat @ probe])
    return torch.cat([head, samples])


def loss_of(output):
    seed = formula.values("seed", output.shape, -1, 1).to(output.dtype)
    return (output * seed).sum()


def note(case_name, output, targets, kind, **case):
    """Stores the gradients of named tensors, where all of them are finite."""
    name = f"{kind}/{case_name}"  # a layer and an operation may have one name
    if not output.dtype.is_floating_point or not targets or output.numel() == 0:
        return
    gradients = torch.autograd.grad(loss_of(output), list(targets.values()), allow_unused=True)
    found = {key: torch.zeros_like(t) if g is None else g
             for (key, t), g in zip(targets.items(), gradients)}
    if not all(g.isfinite().all() for g in found.values()):
        return
    for key, gradient in found.items():
        tensors[f"{name}/{key}"] = digest(gradient)
    cases.append({"name": name, "case": case_name, "kind": kind, "gradients": list(found), **case})


def operations(fixtures, table, **extra):
    for case in fixtures:
        if case["op"] == "floor_divide":
            continue  # PyTorch has no gradient for it
        inputs = [make_tensorops.make_input(i, spec) for i, spec in enumerate(case["inputs"])]
        targets = {}
        for key, x in zip("abc", inputs):
            if x.dtype.is_floating_point:
                targets[key] = x.requires_grad_()
        if not targets:
            continue
        output = table[case["op"]](inputs, case["args"])
        output = output[0] if isinstance(output, tuple) else output
        rest = {key: case[key] for key in ("op", "args", "inputs")} if extra else {}
        note(case["name"], output, targets, kind="op", **extra, **rest)


def layers(fixtures):
    for case in fixtures:
        layer = formula.fill(getattr(nn, case["type"])(**case["args"])).train(case["mode"] == "train")
        x = formula.input_tensor(case["input_shape"], "input", *case["input_range"]).requires_grad_()
        note(case["name"], layer(x * 1), {"input": x, **dict(layer.named_parameters())}, kind="layer")


# Operations that tensorops.json has not, in its form.
MORE = {
    **{name: (lambda f: lambda x, args: f(x[0]))(getattr(torch, name)) for name in
       ("rsqrt", "square", "sin", "cos", "sign", "floor", "ceil", "round")},
    "where": lambda x, args: torch.where(x[0] > x[1], x[1], x[2]),
    "index_select": lambda x, args: torch.index_select(x[0], args["dim"], torch.tensor(args["indices"])),
    "expand": lambda x, args: x[0].expand(args["sizes"]),
    "var": lambda x, args: torch.var(x[0], dim=args["dim"], unbiased=args["unbiased"], keepdim=args["keepdim"]),
    "amax": lambda x, args: torch.amax(x[0], dim=args["dim"]),
    "amin": lambda x, args: torch.amin(x[0], dim=args["dim"]),
    "prod": make_tensorops.OPERATIONS["prod"],
    "pow": make_tensorops.OPERATIONS["pow"],
    "maximum": make_tensorops.OPERATIONS["maximum"],
    "minimum": make_tensorops.OPERATIONS["minimum"],
    "remainder": make_tensorops.OPERATIONS["remainder"],
    "layer_norm": lambda x, args: nn.functional.layer_norm(
        x[0], x[0].shape[-1:], *x[1:], eps=args["eps"]),
    "batch_norm_eval": lambda x, args: nn.functional.batch_norm(
        x[0], torch.linspace(-1, 1, x[0].shape[1]), torch.linspace(0.5, 2, x[0].shape[1]), *x[1:], eps=1e-3),
    "batch_norm": lambda x, args: nn.functional.batch_norm(x[0], None, None, *x[1:], training=True, eps=1e-3),
    "slice_twice": lambda x, args: x[0][:, 1:4, 2:7:2] * x[0][:, ::2, -3:].sum(),
}


def more_specs():
    s = make_tensorops.input_spec
    specs = []

    def add(name, op, *inputs, **args):
        specs.append({"name": name, "op": op, "args": args, "inputs": list(inputs)})

    for op in ("square", "sin", "cos", "sign", "floor", "ceil", "round"):
        add(f"{op}_float32", op, s((5, 7), low=-4, high=4))
        add(f"{op}_float64", op, s((3, 5), "float64", low=-4, high=4))
    add("rsqrt_float32", "rsqrt", s((5, 7), low=0.1, high=4))
    add("where_broadcast", "where", s((3, 4, 5)), s((4, 1)), s((5,)))
    for dim, indices in [(0, [2, 0, 2, 1]), (1, [1, 1, 1]), (-1, [4, 0]), (2, [3])]:
        add(f"index_select_dim{dim}", "index_select", s((3, 4, 5)), dim=dim, indices=indices)
    add("index_select_rows", "index_select", s((9, 3)), dim=0, indices=[8, 8, 0, 3, 3, 3])
    for shape, sizes in [((3, 1), [3, 4]), ((1,), [2, 5]), ((2, 1, 3), [4, 2, 5, 3]), ((), [3, 2])]:
        add(f"expand_{'x'.join(map(str, shape))}_{'x'.join(map(str, sizes))}", "expand", s(shape), sizes=sizes)
    for dim, unbiased, keepdim in [([0], True, False), ([1, 2], False, True), ([0, 1, 2], True, False)]:
        add(f"var_{'_'.join(map(str, dim))}", "var", s((3, 4, 5)), dim=dim, unbiased=unbiased, keepdim=keepdim)
    for op in ("amax", "amin"):
        add(f"{op}_axes", op, s((3, 4, 5)), dim=[0, 2])
        add(f"{op}_halves", op, s((4, 6), "float32", -1, 1), dim=[1])
    add("prod_one_zero", "prod", s((2, 1), low=0, high=0), dim=1, keepdim=False)
    add("pow_broadcast_both", "pow", s((4, 1), low=0.2, high=3), s((1, 5), low=-2, high=2))
    add("pow_float64", "pow", s((3, 4), "float64", 0.2, 3), s((4,), "float64", -2, 2))
    for op in ("maximum", "minimum"):
        add(f"{op}_outer", op, s((5, 1)), s((1, 6)))
        add(f"{op}_equal", op, s((4,), low=1, high=1), s((4,), low=1, high=1))
    add("remainder_broadcast", "remainder", s((4, 5), low=-9, high=9), s((4, 1), low=0.5, high=3))
    for shape in [(4, 8), (2, 3, 5), (2, 3, 4, 7)]:
        tag = "x".join(map(str, shape))
        c = shape[-1:]
        add(f"layer_norm_{tag}", "layer_norm", s(shape), eps=1e-5)
        add(f"layer_norm_affine_{tag}", "layer_norm", s(shape), s(c), s(c), eps=1e-3)
    for shape in [(2, 3, 4, 5), (4, 17, 3, 3), (3, 16, 2, 2)]:
        tag, c = "x".join(map(str, shape)), (shape[1],)
        add(f"batch_norm_{tag}", "batch_norm", s(shape))
        add(f"batch_norm_affine_{tag}", "batch_norm", s(shape), s(c), s(c))
        add(f"batch_norm_eval_{tag}", "batch_norm_eval", s(shape))
        add(f"batch_norm_eval_affine_{tag}", "batch_norm_eval", s(shape), s(c), s(c))
    add("batch_norm_float64", "batch_norm", s((2, 3, 4, 5), "float64"), s((3,), "float64"), s((3,), "float64"))
    add("slice_twice", "slice_twice", s((2, 6, 8)))
    return specs


def read(name):
    return json.loads((FIXTURES / name).read_text())["cases"]


def main():
    operations(read("tensorops.json"), make_tensorops.OPERATIONS)
    print("operations:", len(cases))
    layers(read("layers.json"))
    print("with layers:", len(cases))
    # As in common.py, operations of one name in both files would be two cases of one name.
    operations(more_specs(), MORE, more=True)
    print("with more:", len(cases))
    write_cases("gradients.json", unique(cases))
    write_tensors("gradients.safetensors", tensors)


if __name__ == "__main__":
    main()
