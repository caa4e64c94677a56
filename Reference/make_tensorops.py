"""tensorops.json and tensorops.safetensors: operations on plain tensors.

The inputs of a case are formula tensors named "a", "b", "c" over the given range.
Floats of any width are the float32 value converted; integers are the floor of the
formula's double; booleans are that floor compared with zero.
"""

import torch

import formula
from common import unique, write_cases, write_tensors

cases, tensors = [], {}


def input_spec(shape, dtype="float32", low=-2, high=2):
    return {"shape": list(shape), "dtype": dtype, "range": [low, high]}


def make_input(index, spec):
    dtype = getattr(torch, spec["dtype"])
    return formula.values("abc"[index], spec["shape"], *spec["range"], dtype)


def add(name, op, *specs, **args):
    inputs = [make_input(i, spec) for i, spec in enumerate(specs)]
    result = OPERATIONS[op](inputs, args)
    values, indices = result if isinstance(result, tuple) else (result, None)
    tensors[f"{name}/output"] = values
    if indices is not None:
        tensors[f"{name}/indices"] = indices
    cases.append({"name": name, "op": op, "args": args, "inputs": list(specs),
                  "output_dtype": str(values.dtype)[6:], "output_shape": list(values.shape)})


def binary(function):
    """The second operand is a tensor, or a Python number in args["scalar"]."""
    return lambda x, args: function(x[0], x[1] if len(x) > 1 else args["scalar"])


def reduction(function):
    return lambda x, args: function(x[0], **args)


def extremum(function):
    def apply(x, args):
        result = function(x[0], **args)
        return result if isinstance(result, torch.Tensor) else (result.values, result.indices)
    return apply


def top(x, args):
    result = torch.topk(x[0], args["k"], dim=args["dim"], largest=args["largest"])
    return result.values, result.indices


def slices(x, args):
    """args["slices"]: per dimension [start, stop, step], where None means left out."""
    return x[0][tuple(slice(*s) for s in args["slices"])].contiguous()


OPERATIONS = {
    **{name: binary(getattr(torch, name)) for name in (
        "add", "sub", "mul", "div", "pow", "maximum", "minimum", "floor_divide", "remainder",
        "eq", "ne", "lt", "le", "gt", "ge", "matmul")},
    **{name: reduction(getattr(torch, name)) for name in
       ("sum", "mean", "prod", "argmax", "argmin", "softmax", "log_softmax")},
    **{name: (lambda f: lambda x, args: f(x[0]))(getattr(torch, name)) for name in
       ("exp", "log", "sqrt", "abs", "tanh", "sigmoid", "erf", "neg")},
    "max": extremum(torch.max),
    "min": extremum(torch.min),
    "topk": top,
    "cat": lambda x, args: torch.cat(x, dim=args["dim"]),
    "stack": lambda x, args: torch.stack(x, dim=args["dim"]),
    "pad": lambda x, args: torch.nn.functional.pad(x[0], args["pad"], value=args["value"]),
    "permute": lambda x, args: x[0].permute(args["dims"]),
    "transpose": lambda x, args: x[0].transpose(args["dim0"], args["dim1"]),
    "reshape": lambda x, args: x[0].reshape(args["shape"]),
    "slice": slices,
    "clamp": lambda x, args: torch.clamp(x[0], args["min"], args["max"]),
    "to": lambda x, args: x[0].to(getattr(torch, args["dtype"])),
}


def arithmetic():
    s = input_spec
    shapes = {"same": [(3, 4), (3, 4)], "row": [(3, 4), (4,)], "column": [(3, 4), (3, 1)],
              "outer": [(5, 1), (1, 6)], "scalar_tensor": [(2, 3), ()],
              "4d": [(2, 3, 4, 5), (3, 1, 5)], "both": [(2, 1, 4), (3, 1)], "lead": [(4,), (2, 3, 4)]}
    for op in ("add", "sub", "mul", "div", "maximum", "minimum"):
        for name, (a, b) in shapes.items():
            if op in ("add", "div") or name in ("same", "both", "4d"):
                add(f"{op}_{name}", op, s(a), s(b))
    for op in ("add", "sub", "mul", "div"):
        add(f"{op}_number", op, s((3, 5)), scalar=1.5)
    add("pow_tensor", "pow", s((3, 4), low=0.1, high=3), s((4,), low=-2, high=3))
    for exponent in (2, 3, 0.5, -1, 0, -0.5):
        add(f"pow_{exponent}", "pow", s((3, 5), low=0.25, high=4), scalar=exponent)
    add("pow_negative_base", "pow", s((11,)), scalar=3)
    add("pow_negative_base_nan", "pow", s((11,)), scalar=0.5)
    for op in ("eq", "ne", "lt", "le", "gt", "ge"):
        add(f"{op}_int64", op, s((4, 6), "int64", -2, 3), s((6,), "int64", -2, 3))
        add(f"{op}_float32", op, s((3, 5)), s((3, 5)))
    add("gt_number", "gt", s((4, 4)), scalar=0.25)
    add("eq_mixed", "eq", s((12,), "int64", 0, 3), s((12,), "uint8", 0, 3))
    add("floor_divide_float32", "floor_divide", s((4, 5), low=-9, high=9), s((5,), low=0.5, high=3))
    add("remainder_float32", "remainder", s((4, 5), low=-9, high=9), s((5,), low=0.5, high=3))
    add("remainder_float32_negative", "remainder", s((4, 5), low=-9, high=9), s((5,), low=-3, high=-0.5))
    for op in ("exp", "abs", "tanh", "sigmoid", "erf", "neg"):
        add(f"{op}_float32", op, s((5, 7), low=-4, high=4))
    add("log_float32", "log", s((5, 7), low=0.01, high=9))
    add("log_negative_nan", "log", s((9,)))
    add("sqrt_float32", "sqrt", s((5, 7), low=0, high=9))
    add("exp_wide", "exp", s((64,), low=-110, high=95))
    add("exp_float64", "exp", s((4, 5), "float64"))
    add("erf_small", "erf", s((33,), low=-0.01, high=0.01))
    add("tanh_wide", "tanh", s((33,), low=-30, high=30))
    add("abs_int64", "abs", s((9,), "int64", -9, 9))
    add("neg_int32", "neg", s((9,), "int32", -9, 9))
    add("neg_uint8", "neg", s((9,), "uint8", 0, 256))
    add("clamp_float32", "clamp", s((5, 5)), min=-0.5, max=0.75)
    add("clamp_int64", "clamp", s((9,), "int64", -9, 9), min=-3, max=4)


def integers():
    s = input_spec
    a = s((4, 5), "int64", -20, 20)
    for op in ("add", "sub", "mul", "maximum", "minimum"):
        add(f"{op}_int64", op, a, s((5,), "int64", -7, 8))
    for op in ("floor_divide", "remainder", "div"):
        add(f"{op}_int64_positive", op, a, s((5,), "int64", 1, 7))
        add(f"{op}_int64_negative", op, a, s((5,), "int64", -7, 0))
    add("pow_int64", "pow", s((12,), "int64", -4, 5), s((12,), "int64", 0, 5))
    add("pow_int64_number", "pow", s((12,), "int64", -4, 5), scalar=2)
    add("add_uint8_wraps", "add", s((12,), "uint8", 0, 256), s((12,), "uint8", 0, 256))
    add("sub_uint8_wraps", "sub", s((12,), "uint8", 0, 256), s((12,), "uint8", 0, 256))
    add("mul_uint8_wraps", "mul", s((12,), "uint8", 0, 256), s((12,), "uint8", 0, 256))
    add("add_int32", "add", s((3, 3), "int32", -99, 99), s((3, 3), "int32", -99, 99))
    add("mul_int64_large", "mul", s((6,), "int64", -3e9, 3e9), s((6,), "int64", -9e8, 9e8))


def promotion():
    s = input_spec
    limits = {"bool": (0, 2), "uint8": (0, 90)}

    def operand(dtype, shape):
        return s(shape, dtype, *limits.get(dtype, (-9, 9)))

    for first, second in [
        ("int64", "float32"), ("uint8", "int32"), ("bool", "int64"), ("int32", "int64"),
        ("bool", "float32"), ("uint8", "float16"), ("float16", "float32"), ("bfloat16", "float32"),
        ("float16", "bfloat16"), ("float32", "float64"), ("int64", "float16"), ("uint8", "bool"),
        ("int64", "bfloat16"), ("bool", "bool"), ("uint8", "int64"), ("float16", "float16"),
        ("bfloat16", "bfloat16"), ("int32", "float64"),
    ]:
        add(f"add_{first}_{second}", "add", operand(first, (3, 4)), operand(second, (4,)))
    add("mul_bool_bool", "mul", operand("bool", (9,)), operand("bool", (9,)))
    add("mul_bool_float32", "mul", operand("bool", (9,)), operand("float32", (9,)))
    add("div_int32_int32", "div", operand("int32", (9,)), s((9,), "int32", 1, 9))
    add("div_uint8_uint8", "div", operand("uint8", (9,)), s((9,), "uint8", 1, 9))
    add("div_bool_int64", "div", operand("bool", (9,)), s((9,), "int64", 1, 9))
    add("div_int64_number", "div", operand("int64", (9,)), scalar=4)
    # A tensor without dimensions only decides between the kinds bool, integer and float.
    for first, second in [("float32", "float64"), ("int32", "int64"), ("int64", "float32"),
                          ("float16", "float32"), ("uint8", "int64"), ("bool", "uint8"),
                          ("int64", "float64"), ("float32", "int64")]:
        add(f"add_{first}_0d_{second}", "add", operand(first, (5,)), operand(second, ()))
    add("add_0d_int64_0d_float32", "add", operand("int64", ()), operand("float32", ()))
    for dtype, number in [("int64", 2), ("int64", 2.5), ("uint8", 3), ("uint8", 0.5), ("bool", 1),
                          ("bool", True), ("float16", 2), ("float64", 0.1), ("int32", True), ("bool", 1.5)]:
        add(f"add_{dtype}_number_{number}", "add", operand(dtype, (5,)), scalar=number)
    add("sigmoid_int64", "sigmoid", operand("int64", (7,)))
    add("sqrt_uint8", "sqrt", operand("uint8", (7,)))
    for source, target, low, high in [
        ("float32", "int64", -9, 9), ("float32", "uint8", 0, 255), ("float32", "bool", -1, 1),
        ("float32", "float16", -9, 9), ("float32", "bfloat16", -9, 9), ("int64", "uint8", -300, 300),
        ("int64", "float32", -3e9, 3e9), ("int64", "bool", -1, 2), ("bool", "float32", 0, 2),
        ("int64", "int32", -9, 9), ("float64", "float32", -9, 9), ("float32", "float64", -9, 9),
    ]:
        add(f"to_{source}_{target}", "to", s((17,), source, low, high), dtype=target)


def products():
    s = input_spec
    for name, a, b in [
        ("1d_1d", (7,), (7,)), ("2d_1d", (3, 7), (7,)), ("1d_2d", (7,), (7, 4)), ("2d_2d", (5, 7), (7, 4)),
        ("2d_2d_larger", (33, 65), (65, 17)), ("3d_3d", (2, 3, 4), (2, 4, 5)), ("3d_2d", (2, 3, 4), (4, 5)),
        ("2d_3d", (3, 4), (2, 4, 5)), ("3d_1d", (2, 3, 4), (4,)), ("1d_3d", (4,), (2, 4, 5)),
        ("4d_3d", (2, 3, 4, 5), (3, 5, 2)), ("broadcast", (2, 1, 3, 4), (5, 4, 2)),
        ("thin", (1, 9), (9, 1)),
    ]:
        add(f"matmul_{name}", "matmul", s(a), s(b))
    add("matmul_float64", "matmul", s((4, 6), "float64"), s((6, 3), "float64"))
    add("matmul_int64", "matmul", s((3, 4), "int64", -9, 9), s((4, 2), "int64", -9, 9))


def reductions():
    s = input_spec
    a = s((2, 3, 4, 5))
    for op in ("sum", "mean"):
        add(f"{op}_all", op, a)
        for dim in ([0], [-1], [1, 2], [0, 2, 3], [0, 1, 2, 3]):
            tag = "_".join(map(str, dim))
            add(f"{op}_dim{tag}", op, a, dim=dim, keepdim=False)
        add(f"{op}_keepdim", op, a, dim=[1, 3], keepdim=True)
    for op in ("max", "min", "prod", "argmax", "argmin"):
        add(f"{op}_all", op, s((3, 5)))
        for dim in (0, 1, -1):
            add(f"{op}_dim{dim}", op, s((3, 4, 5)), dim=dim, keepdim=False)
        add(f"{op}_keepdim", op, s((3, 4, 5)), dim=1, keepdim=True)
    # Several equal extremes: the first index counts.
    for op in ("argmax", "argmin", "max", "min"):
        add(f"{op}_ties", op, s((5, 12), "int64", 0, 3), dim=1, keepdim=False)
    add("argmax_ties_all", "argmax", s((5, 12), "int64", 0, 3))
    for dtype, low, high in [("int32", -9, 9), ("uint8", 0, 256), ("bool", 0, 2), ("int64", -9, 9),
                             ("float16", -2, 2), ("float64", -2, 2)]:
        add(f"sum_{dtype}", "sum", s((4, 9), dtype, low, high), dim=[1], keepdim=False)
    add("prod_int32", "prod", s((3, 4), "int32", -3, 4), dim=1, keepdim=False)
    add("max_uint8", "max", s((3, 4), "uint8", 0, 256), dim=0, keepdim=False)
    add("sum_many", "sum", s((100, 100), low=0, high=1))
    add("mean_many", "mean", s((100, 100), low=0, high=1))
    for dim in (0, 1, -1):
        add(f"softmax_dim{dim}", "softmax", s((3, 4, 5), low=-8, high=8), dim=dim)
        add(f"log_softmax_dim{dim}", "log_softmax", s((3, 4, 5), low=-8, high=8), dim=dim)
    add("softmax_large", "softmax", s((2, 9), low=-500, high=500), dim=1)
    for k, dim, largest, shape in [(5, -1, True, (1, 40)), (3, -1, False, (2, 20)), (2, 0, True, (6, 3)),
                                   (1, 1, True, (2, 5, 3)), (7, 0, True, (7,))]:
        add(f"topk_k{k}_dim{dim}_largest{int(largest)}_n{'x'.join(map(str, shape))}", "topk",
            s(shape, low=-50, high=50), k=k, dim=dim, largest=largest)


def shapes():
    s = input_spec
    add("cat_dim0", "cat", s((2, 3)), s((4, 3)), dim=0)
    add("cat_dim1", "cat", s((2, 3, 2)), s((2, 1, 2)), s((2, 4, 2)), dim=1)
    add("cat_last", "cat", s((2, 3)), s((2, 5)), dim=-1)
    add("cat_promotes", "cat", s((2, 3), "int64", -5, 5), s((1, 3)), dim=0)
    add("stack_dim0", "stack", s((2, 3)), s((2, 3)), dim=0)
    add("stack_last", "stack", s((2, 3)), s((2, 3)), s((2, 3)), dim=-1)
    for name, pad, value, shape in [("last", [1, 2], 0.0, (2, 3)), ("image", [1, 1, 2, 2], 0.0, (1, 2, 3, 3)),
                                    ("value", [0, 3, 1, 0], -1.5, (2, 3, 4)),
                                    ("three", [1, 0, 0, 1, 2, 1], 7.0, (2, 2, 3)),
                                    ("crop", [-1, -1, 1, -1], 0.5, (4, 5))]:
        add(f"pad_{name}", "pad", s(shape), pad=pad, value=value)
    for dims, shape in [([1, 0], (3, 4)), ([0, 2, 3, 1], (2, 3, 4, 5)), ([3, 1, 0, 2], (2, 3, 4, 5)),
                        ([-1, 0, 1], (2, 3, 4))]:
        add(f"permute_{'_'.join(map(str, dims))}", "permute", s(shape), dims=dims)
    for d0, d1 in [(0, 1), (-1, -2), (0, 2)]:
        add(f"transpose_{d0}_{d1}", "transpose", s((2, 3, 4)), dim0=d0, dim1=d1)
    for shape in ([6, 4], [2, -1], [-1], [1, 24, 1]):
        add(f"reshape_{'_'.join(map(str, shape))}", "reshape", s((2, 3, 4)), shape=shape)
    for name, parts, shape in [
        ("start", [[2, None, None]], (9,)), ("step", [[None, None, 3]], (10,)),
        ("negative", [[-4, -1, None]], (9,)), ("beyond", [[3, 99, 2]], (9,)), ("empty", [[5, 2, 1]], (9,)),
        ("2d", [[None, None, 2], [1, 6, 3]], (5, 8)),
        ("4d", [[None, None, None], [1, 2, None], [None, None, 2], [-3, None, 2]], (2, 3, 5, 6)),
        ("leading", [[1, 3, None]], (4, 5, 2)),
    ]:
        add(f"slice_{name}", "slice", s(shape), slices=parts)
    add("slice_int64", "slice", s((7, 4), "int64", -99, 99), slices=[[1, 7, 2], [0, 4, 3]])


@torch.no_grad()
def main():
    for part in (arithmetic, integers, promotion, products, reductions, shapes):
        before = len(cases)
        part()
        print(f"{part.__name__}: {len(cases) - before}")
    write_cases("tensorops.json", unique(cases))
    write_tensors("tensorops.safetensors", tensors)


if __name__ == "__main__":
    main()
