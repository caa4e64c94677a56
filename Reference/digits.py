"""The handwritten digits of scikit-learn as two IDX files.

Writes `Tests/Fixtures/digits`. Run with scikit-learn installed: `python Reference/digits.py`.
"""

import struct
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FOLDER = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "digits"


def write(name, array):
    """Yann LeCun's format: two zeros, 8 for bytes, the rank, the sizes in big endian, the bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    (FOLDER / name).write_bytes(header + array.tobytes())


def main():
    digits = load_digits()
    assert digits.images.shape == (1797, 8, 8) and digits.images.max() == 16
    # Counts of 0 to 16 black pixels become greys of 0 to 255, as in any picture.
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)
    assert (np.round(pixels / 255 * 16) == digits.images).all()
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("digits-images-idx3-ubyte", pixels)
    write("digits-labels-idx1-ubyte", digits.target.astype(np.uint8))


if __name__ == "__main__":
    main()
