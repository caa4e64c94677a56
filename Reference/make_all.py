"""Writes every fixture anew: python Reference/make_all.py"""

import families
import gradients_make
import learning_make
import make_feature_maps
import make_formula
import make_init_stats
import make_layers
import make_logits
import make_print
import make_tensorops
import make_tensors
import quantisation_make
import training_make
from common import FIXTURES, VERSION

STEPS = [make_formula, make_print, make_tensors, make_layers, make_tensorops,
         make_feature_maps, make_init_stats, make_logits, families,
         gradients_make, learning_make, training_make, quantisation_make]


def main():
    assert VERSION.startswith("2.15."), f"the fixtures are those of torch 2.15, not {VERSION}"
    for step in STEPS:
        print(f"{step.__name__}:")
        step.main()
    size = sum(f.stat().st_size for f in FIXTURES.rglob("*") if f.is_file())
    print(f"{size:,} bytes in {FIXTURES.name}")
    assert size < 20_000_000


if __name__ == "__main__":
    main()
