"""logits.json and logits.safetensors: the four networks with formula weights, in eval mode."""

import torch

import formula
from common import unique, write_cases, write_tensors
from networks import NETWORKS, empty


def runs(name):
    """(classes, batch, size) of every run of a network."""
    yield from [(1000, 1, 224), (1000, 3, 224), (7, 1, 224), (10, 1, 224)]
    # These two end in global pooling and so take any image size.
    if name in ("resnet50", "mobilenet_v1"):
        yield from [(10, 1, 192), (10, 1, 256)]


def check(name, logits):
    """The numbers must be able to tell a wrong network from a right one."""
    assert logits.isfinite().all(), name
    assert logits.std(dim=1).min() > 1e-3 * logits.abs().max(), name
    if len(logits) > 1:
        assert (logits[0] - logits[1]).abs().max() > 1e-4 * logits.abs().max(), name


@torch.no_grad()
def main():
    cases, tensors = [], {}
    for model_name in NETWORKS:
        model, loaded = None, None
        for classes, batch, size in runs(model_name):
            if classes != loaded:
                model = formula.fill(empty(model_name, classes)).eval()
                loaded = classes
            name = f"{model_name}_c{classes}_b{batch}_s{size}"
            logits = model(formula.input_tensor((batch, 3, size, size)))
            check(name, logits)
            print(f"{name}: mean {logits.mean():.4g}, std {logits.std():.4g}, "
                  f"max {logits.abs().max():.4g}")
            tensors[f"{name}/output"] = logits
            cases.append({"name": name, "model": model_name, "classes": classes,
                          "batch": batch, "size": size})
    write_cases("logits.json", unique(cases))
    write_tensors("logits.safetensors", tensors)


if __name__ == "__main__":
    main()
