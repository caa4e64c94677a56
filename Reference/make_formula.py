"""formula.json: literal values of the weight formula, for testing its twin."""

import math

import formula
from common import write_cases

# (name, shape, explicit range or None for the range of a weight)
SAMPLES = [
    ("input", (1, 3, 224, 224), (-1, 1)),
    ("input2", (2, 3, 5, 5), (-1, 1)),
    ("input", (40,), (-8, 8)),
    ("weight", (64, 3, 7, 7), None),
    ("weight", (17,), None),
    ("bias", (17,), None),
    ("running_mean", (17,), None),
    ("running_var", (17,), None),
    ("features.0.weight", (96, 3, 11, 11), None),
    ("classifier.1.weight", (4096, 9216), None),
    ("layer1.0.downsample.1.running_var", (256,), None),
    ("features.3.depthwise.weight", (32, 1, 3, 3), None),
    ("Straße", (8,), (0, 1)),  # the hash runs over the UTF-8 bytes
]


def main():
    cases = []
    for name, shape, limits in SAMPLES:
        low, high = limits or formula.bounds(name, shape)
        tensor = formula.values(name, shape, low, high).flatten()
        cases.append({
            "name": name, "shape": list(shape), "fnv1a32": formula.fnv1a32(name),
            "low": low, "high": high, "weight_range": limits is None,
            "first": tensor[:8].tolist(),
            # The far end shows whether the index arithmetic wraps as it should.
            "last_index": math.prod(shape) - 1, "last": tensor[-1].item(),
        })
    write_cases("formula.json", cases)


if __name__ == "__main__":
    main()
