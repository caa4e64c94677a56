"""print/tensors.json: what str(tensor) shows, for many kinds of tensors.

Long tensors carry a rule instead of values: element i is start + step * i,
computed in double (or in int64) and then converted to the dtype.
"""

import math
import random

import torch

from common import unique, write_list

inf, nan = math.inf, math.nan
entries = []


def encode(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def add(name, values, dtype="float32", shape=None):
    tensor = torch.tensor(values, dtype=getattr(torch, dtype))
    if shape is not None:
        tensor = tensor.reshape(shape)
    # The stored values are those of the tensor: already rounded to its dtype.
    stored = [encode(v) for v in tensor.flatten().tolist()]
    entries.append({"name": name, "dtype": dtype, "shape": list(tensor.shape),
                    "values": stored, "text": str(tensor)})


def rule(name, dtype, shape, start=0, step=1):
    kind = torch.float64 if getattr(torch, dtype).is_floating_point else torch.int64
    index = torch.arange(math.prod(shape), dtype=kind)
    tensor = (start + step * index).to(getattr(torch, dtype)).reshape(shape)
    entries.append({"name": name, "dtype": dtype, "shape": list(shape),
                    "values_rule": {"kind": "arange", "start": start, "step": step},
                    "text": str(tensor)})


def integers():
    add("lab x", [[1, 2], [3, 4]], "int64")
    add("lab x+y", [[6, 8], [10, 12]], "int64")
    add("int64 one", [7], "int64")
    add("int64 negatives", [1, -2, 30, -400], "int64")
    add("int64 widths 2d", [[1, 22, 333], [-4444, 55555, 6]], "int64")
    add("int64 extremes", [9223372036854775807, -9223372036854775808, 0], "int64")
    add("int64 column", [[1], [20], [-300]], "int64")
    add("int64 3d", list(range(24)), "int64", (2, 3, 4))
    add("int64 4d", list(range(16)), "int64", (2, 2, 2, 2))
    add("int64 5d", list(range(8)), "int64", (2, 1, 2, 1, 2))
    add("int64 wraps", list(range(60)), "int64")
    add("int64 wraps wide", [10**i for i in range(15)], "int64")
    add("int64 2d wraps", list(range(100, 160)), "int64", (2, 30))
    add("int32 suffix", [1, 2, 3], "int32")
    add("int32 negatives 2d", [[-1, 20], [300, -4]], "int32")
    add("uint8 suffix", [0, 127, 255], "uint8")
    add("uint8 2d", list(range(12)), "uint8", (3, 4))
    add("bool 1d", [True, False, True], "bool")
    add("bool 2d", [[True, False], [False, False]], "bool")
    add("bool all true", [True, True], "bool")
    add("bool wraps", [i % 3 == 0 for i in range(40)], "bool")


def floats():
    add("floats", [1.5, -2.25, 3.0])
    add("floats rounded", [0.12345, 0.99995, 0.99994, 2.00005])
    add("sci ties", [0.00015, 0.50005, 1.00015, 0.03125, 0.09375, 124.625])
    add("ties to even", [0.03125, 0.09375, 0.15625, 0.21875, 1.00015, 2.00005])
    add("floats 2d", [[0.1, 22.22], [-333.333, 4.0]])
    add("floats 3d", [i / 8 - 1 for i in range(12)], shape=(2, 2, 3))
    add("floats 4d", [i / 7 for i in range(16)], shape=(1, 2, 2, 4))
    add("integer-valued", [1.0, 2.0, -3.0])
    add("integer-valued 2d", [[1.0, 200.0], [-30.0, 4.0]])
    add("integer-valued 1000", [1.0, 1000.0])
    add("integer-valued ratio 1001", [1.0, 1001.0])
    add("integer-valued large", [1e8])
    add("integer-valued larger", [1.0001e8])
    add("integer-valued close large", [123456.0, 234567.0, 16777216.0])
    add("zeros", [0.0, 0.0, 0.0])
    add("ones 2d", [[1.0] * 3] * 2)
    add("zero among fractions", [0.0, 0.5])
    add("negative zero", [-0.0])
    add("negative zero mixed", [-0.0, 0.0, 1.5])
    add("negative zero integers", [-0.0, 2.0, -10.0])
    add("rounds to negative zero", [-0.00012, 0.1])
    add("ratio 1000 exactly", [0.5, 500.0])
    add("ratio above 1000", [0.5, 501.0])
    add("ratio with zero", [0.0, 0.01, 9.0])
    add("tiny", [1e-5, 2e-5])
    add("just under 1e-4", [9.9e-5])
    add("1e-4 as float32", [1e-4])
    add("1e-4 above", [1.1e-4, 1e-3])
    add("huge", [1e10, 2.5e10])
    add("huge fraction", [99999.5, 123456.75])
    add("sci negatives", [-1e-7, 3.0, -4e5])
    add("sci 2d", [[1e-10, 1.0], [-1e10, 0.0]])
    add("sci widest ratio", [1e-38, 1e38])
    add("float32 max", [3.4028234663852886e38, -3.4028234663852886e38])
    add("float32 denormal", [1e-45, 1e-40])
    add("float32 denormal with one", [1e-45, 1.0])
    add("float32 wraps", [i / 10 for i in range(30)])
    add("float32 wraps negatives", [(-1) ** i * i * 1.25 for i in range(25)])
    add("float32 sci wraps", [10.0 ** (i - 8) for i in range(16)])
    add("float32 2d wraps", [i / 3 for i in range(40)], shape=(2, 20))
    add("float32 integer wraps", [float(i) for i in range(45)])
    generator = random.Random(7)
    add("normal 2d", [generator.gauss(0, 1) for _ in range(20)], shape=(4, 5))
    add("normal 3d", [generator.gauss(0, 1) for _ in range(36)], shape=(3, 3, 4))
    add("logits row", [generator.gauss(0, 0.02) for _ in range(10)], shape=(1, 10))
    add("uniform 2d wraps", [generator.random() for _ in range(48)], shape=(3, 16))


def nonfinite():
    add("nan only", [nan])
    add("inf only", [inf, -inf])
    add("nan inf zero", [nan, inf, -inf, 0.0])
    add("nan with fractions", [nan, 1.5, -2.5])
    add("nan with integers", [nan, 1.0, 22.0])
    add("inf with integers", [inf, -inf, 3.0])
    add("inf with one digit", [-inf, 1.0])
    add("inf with fractions", [[inf, 0.25], [-inf, 100.0]])
    add("inf with sci", [inf, 1e-6, nan, 1.0])
    add("nan float16", [nan, 1.0, inf], "float16")


def other_floats():
    add("float64 suffix", [1.5, 2.5], "float64")
    add("float64 precision", [0.1234567890123, 3.141592653589793], "float64")
    add("float64 extremes", [1e-300, 1e300], "float64")
    add("float64 denormal", [5e-324], "float64")
    add("float64 max", [1.7976931348623157e308], "float64")
    add("float64 integers", [1.0, 2.0], "float64")
    add("float64 1e-4", [1e-4, 0.05], "float64")
    add("float64 2d", [[0.1, 0.2], [0.3, 0.4]], "float64")
    add("float64 suffix on its own line", [float(i) + 0.5 for i in range(8)], "float64")
    add("float64 suffix wraps", [float(i) + 0.5 for i in range(9)], "float64")
    add("float64 suffix fits", [float(i) + 0.5 for i in range(6)], "float64")
    add("int32 suffix at the edge", list(range(10, 24)), "int32")
    add("int32 suffix past the edge", list(range(10, 26)), "int32")
    add("int32 suffix 18", list(range(10, 28)), "int32")
    add("float16 suffix", [0.1, 65504.0], "float16")
    add("float16 plain", [0.1, 0.2, 1.0], "float16")
    add("float16 integers", [1.0, 2048.0, -3.0], "float16")
    add("float16 denormal", [6e-8, 0.001], "float16")
    add("bfloat16 plain", [0.1, 0.2, 3.14159], "bfloat16")
    add("bfloat16 integers", [1.0, 256.0], "bfloat16")
    add("bfloat16 huge", [3e38, 1.0], "bfloat16")
    add("bfloat16 2d", [[1.5, -2.5], [0.01, 4.0]], "bfloat16")


def small():
    for dtype in ["float32", "float64", "float16", "bfloat16"]:
        add(f"scalar {dtype}", 3.14159, dtype, ())
        add(f"scalar integer {dtype}", 5.0, dtype, ())
    for dtype in ["int64", "int32", "uint8"]:
        add(f"scalar {dtype}", 42, dtype, ())
    add("scalar bool", True, "bool", ())
    add("scalar nan", nan, shape=())
    add("scalar -inf", -inf, shape=())
    add("scalar tiny", 1e-7, shape=())
    add("scalar huge", 1.5e9, shape=())
    add("scalar zero", 0.0, shape=())
    add("scalar -0.0", -0.0, shape=())
    add("scalar negative int64", -7, "int64", ())
    for dtype in ["float32", "float64", "int64", "int32", "bool", "float16"]:
        add(f"empty {dtype}", [], dtype)
    add("empty 2x0x3", [], shape=(2, 0, 3))
    add("empty 0x5 int64", [], "int64", (0, 5))
    add("empty 1x0 uint8", [], "uint8", (1, 0))
    add("1x1", [[2.5]])
    add("1x1x1x1", [2.5], shape=(1, 1, 1, 1))


def summarised():
    rule("1000 is not summarised", "int64", (1000,))
    rule("1001 int64", "int64", (1001,))
    rule("1001 int64 negative", "int64", (1001,), -500, 1)
    rule("5000 int32", "int32", (5000,), 0, 3)
    rule("2000 float32 integers", "float32", (2000,))
    rule("2000 float32 small integers", "float32", (2000,), 1000, 1)
    rule("2000 float32 fractions", "float32", (2000,), -1, 0.001)
    rule("2000 float64", "float64", (2000,), 0.5, 0.25)
    rule("2000 float64 sci", "float64", (2000,), 1e-9, 1e-3)
    rule("1500 float16", "float16", (1500,), 1, 0.5)
    rule("1500 bfloat16", "bfloat16", (1500,), 0.25, 0.25)
    rule("2000 wide int64", "int64", (2000,), 10**15, 10**12)
    rule("2d 7x200", "float32", (7, 200), 0, 0.125)
    rule("2d 6x200", "int64", (6, 200))
    rule("2d 300x4", "int64", (300, 4))
    rule("2d 2000x1", "float32", (2000, 1), 0.5, 0.5)
    rule("2d 1x1001", "float32", (1, 1001), -5, 0.01)
    rule("2d 4x300 float64", "float64", (4, 300), -1, 0.01)
    rule("3d 3x20x20", "float32", (3, 20, 20), 0, 0.01)
    rule("3d 10x10x11", "int64", (10, 10, 11))
    rule("3d 1x1x2000", "int32", (1, 1, 2000))
    rule("4d 1x3x32x32", "float32", (1, 3, 32, 32), -1, 0.0005)
    rule("4d 2x8x9x8", "int64", (2, 8, 9, 8), -600, 1)
    rule("4d 8x7x5x5", "float32", (8, 7, 5, 5), 2, 1)
    rule("5d 2x2x7x7x7", "uint8", (2, 2, 7, 7, 7), 9, 0)
    rule("empty beats the threshold", "float32", (2000, 0))
    # What lies in the hidden middle has no say in the format.
    add("hidden wide value", [1] * 500 + [10**12] + [2] * 501, "int64")
    add("bool summarised", [i % 2 == 0 for i in range(1002)], "bool")
    add("bool summarised 2d", [i % 7 == 0 for i in range(1008)], "bool", (8, 126))


def main():
    entries.clear()
    for part in (integers, floats, nonfinite, other_floats, small, summarised):
        part()
    assert len(unique(entries)) >= 90
    write_list("print/tensors.json", entries)


if __name__ == "__main__":
    main()
