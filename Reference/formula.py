"""Weights and inputs from a formula, so that large networks need no stored numbers.

The value at row-major index i of the tensor called `name` depends on i and the
name alone. Strata has a twin of this file; Tests/Fixtures/formula.json
holds a few literal values both must give.

All integer arithmetic is modulo 2**32:

    h = i * 2654435761 + fnv1a32(name)
    h ^= h >> 16;  h *= 0x7feb352d
    h ^= h >> 15;  h *= 0x846ca68b
    h ^= h >> 16
    u = (h >> 8) / 2**24                        a double in [0, 1)
    value = float32(low + (high - low) * u)     computed in double
"""

import math

import numpy as np
import torch

CHUNK = 1 << 22  # keeps the double-precision temporaries of a large layer small


def fnv1a32(name):
    h = 2166136261
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def unit(name, start, count):
    """The doubles u for the indices start ..< start + count."""
    h = np.arange(start, start + count, dtype=np.uint32)
    h *= np.uint32(2654435761)
    h += np.uint32(fnv1a32(name))
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float64) / float(1 << 24)


def bounds(name, shape):
    """The range of a weight, from its rank and the last part of its name."""
    if len(shape) >= 2:
        bound = math.sqrt(6 / math.prod(shape[1:]))
        return (-bound, bound)
    if name.endswith("running_mean"):
        return (-0.1, 0.1)
    if name.endswith("running_var"):
        return (0.5, 1.5)
    if name.endswith("bias"):
        return (-0.1, 0.1)
    if name.endswith("weight"):
        return (0.5, 1.5)
    raise ValueError(f"no range for {name} of shape {shape}")


def values(name, shape, low, high, dtype=torch.float32):
    """A tensor of formula values. Integers are the floor of the double value."""
    count = math.prod(shape)
    out = np.empty(count, dtype=np.float32 if dtype.is_floating_point else np.int64)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        u = low + (high - low) * unit(name, start, n)
        out[start : start + n] = u if dtype.is_floating_point else np.floor(u)
    return torch.from_numpy(out).reshape(tuple(shape)).to(dtype)


def input_tensor(shape, name="input", low=-1.0, high=1.0):
    return values(name, shape, low, high)


def fill(module):
    """Overwrites every parameter and buffer of `module` with formula values."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.zero_()
            else:
                tensor.copy_(values(name, tensor.shape, *bounds(name, tensor.shape)))
    return module
