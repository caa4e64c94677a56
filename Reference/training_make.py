"""training.json and training.safetensors: gradients of the four networks, and twenty steps of training.

Weights and batches come from the formula; dropout is off, batch norm trains. `gradients/NAME` holds one row a
parameter, in the order of named_parameters(): what gradients_make.py's `digest` gives with at most 8 elements,
filled up with zeros. The networks are whole; those called NAME/narrow have an eighth of the channels and take small
images, as do those that make steps: see `narrow`.

Steps are made in float64 on the batches "SERIES/0" … "SERIES/19". `steps/NAME/OPTIMISER/losses` are the losses,
`…/state` the rows of the state dictionary afterwards, and `…/momentum_buffer`, `…/exp_avg` and `…/exp_avg_sq`
those of the optimiser's.

Biases of batch norm are raised by 2, for steps by 4. With those of the formula alone, gradients of so deep a network
explode, and PyTorch's own float32 and float64 part ways within ten steps. A rectifier that rounding turns over
changes a gradient at once by percents; raised biases keep values away from its edge, and a series of batches is taken
on which PyTorch in float32, in float32 with channels last, and with images moved by a millionth all agree with
float64. Without such an agreement there would be nothing to compare with.
"""

import torch
from torch import nn
from torch.nn import functional as F

import formula
from common import unique, write_cases, write_tensors
from networks import NETWORKS

# network: (batch and image size of the whole one, image size and last map's edge of the narrow one)
SIZES = {"alexnet": (1, 224, 64, 1), "vgg16": (1, 224, 32, 1), "resnet50": (4, 64, 64, 2),
         "mobilenet_v1": (4, 64, 64, 2)}
CLASSES, BATCH, STEPS, WIDTH = 10, 8, 20, 11
RATES = {"sgd": {"alexnet": 0.01, "vgg16": 1e-4, "resnet50": 1e-4, "mobilenet_v1": 1e-3},
         "adamw": {"alexnet": 1e-3, "vgg16": 1e-5, "resnet50": 1e-4, "mobilenet_v1": 1e-4}}
OPTIMISERS = {"sgd": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, weight_decay=1e-3),
              "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr, weight_decay=1e-2)}
cases, tensors = [], {}


def row(tensor):
    flat = tensor.detach().flatten().double()
    probe = formula.values("probe", tensor.shape, -1, 1).flatten().double()
    count = min(WIDTH - 3, flat.numel())
    out = torch.zeros(WIDTH, dtype=torch.float64)
    out[:3] = torch.stack([flat.norm(), flat.abs().max(), flat @ probe])
    out[3 : 3 + count] = flat[[i * flat.numel() // count for i in range(count)]]
    return out


def rows(values):
    return torch.stack([row(v) for v in values])


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def narrow(model, edge):
    """The network with an eighth of the channels, for maps of edge x edge before the first linear layer."""
    def thin(n):
        return n if n in (3, CLASSES) else n // 8

    for path, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            new = nn.Conv2d(thin(module.in_channels), thin(module.out_channels), module.kernel_size,
                            module.stride, module.padding, groups=1 if module.groups == 1 else thin(module.groups),
                            bias=module.bias is not None)
        elif isinstance(module, nn.BatchNorm2d):
            new = nn.BatchNorm2d(thin(module.num_features))
        elif isinstance(module, nn.Linear):
            inputs = module.in_features
            # 36 and 49 places of the last map become edge * edge.
            places = {256 * 36: 36, 512 * 49: 49}.get(inputs, 1)
            inputs = thin(inputs // places) * (edge * edge if places > 1 else 1)
            new = nn.Linear(inputs, thin(module.out_features))
        else:
            continue
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, new)
    return model


def build(name, is_narrow, raised=2):
    model = without_dropout(NETWORKS[name][0](CLASSES))
    if is_narrow:
        narrow(model, SIZES[name][3])
    formula.fill(model).train()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias += raised
    return model


def labels(batch, number):
    return torch.tensor([(i * 7 + number) % CLASSES for i in range(batch)])


def gradients(name, is_narrow):
    """Takes the first input of the formula at which no rounding turns a rectifier or a pooling window over."""
    batch, size, small, _ = SIZES[name]
    batch, size = (BATCH, small) if is_narrow else (batch, size)
    key = f"{name}/narrow" if is_narrow else name
    model = build(name, is_narrow)
    for number in range(1, 9):
        source = f"input{number}"
        x = formula.input_tensor((batch, 3, size, size), source)
        found = []
        for dtype in (torch.float32, torch.float64):
            model.to(dtype)  # widening and narrowing again changes no weight
            loss = F.cross_entropy(model(x.to(dtype)), labels(batch, 0))
            found.append((loss.item(), torch.autograd.grad(loss, list(model.parameters()))))
        (_, single), (loss, precise) = found
        # A bias that the next batch norm takes out again has no gradient but rounding.
        floor = 1e-3 * max(a.norm().item() for a in precise)
        worst = max((a - b).norm().item() / max(a.norm().item(), floor) for a, b in zip(precise, single))
        print(f"{key} of {source}: loss {loss:.6g}, PyTorch's float32 is off by {worst:.2g} of a layer's norm",
              flush=True)
        if worst < 5e-4:
            break
    else:
        raise AssertionError(name)
    tensors[f"gradients/{key}"] = rows(precise)
    cases.append({"name": key, "model": name, "narrow": is_narrow, "input": source, "batch": batch, "size": size,
                  "loss": loss, "edge": SIZES[name][3]})
    if is_narrow:
        cases[-1]["rates"] = {o: RATES[o][name] for o in RATES}
        cases[-1]["series"] = {o: steps(name, o) for o in RATES}


def run(name, optimiser, series, variant):
    """The losses of twenty steps, and by name what is kept of the network and of the optimiser."""
    size = SIZES[name][2]
    dtype = torch.float64 if variant == "float64" else torch.float32
    layout = torch.channels_last if variant == "channels last" else torch.preserve_format
    model = build(name, True, raised=4).to(dtype=dtype, memory_format=layout)
    optimizer = OPTIMISERS[optimiser](model.parameters(), RATES[optimiser][name])
    losses = []
    for step in range(STEPS):
        x = formula.input_tensor((BATCH, 3, size, size), f"{series}/{step}").to(dtype=dtype, memory_format=layout)
        if variant == "moved":
            x = x * (1 + 1e-6 * formula.values("moved", x.shape, -1, 1).to(dtype))
        loss = F.cross_entropy(model(x), labels(BATCH, step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    kept = {"state": list(model.state_dict().values())}
    states = [optimizer.state[p] for p in model.parameters()]
    for part in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
        if part in states[0]:
            kept[part] = [s[part] for s in states]
    return torch.tensor(losses, dtype=torch.float64), kept


def apart(precise, single):
    """The largest difference of a loss or, by its norm, of a tensor."""
    (losses, kept), (own_losses, own) = precise, single
    worst = ((losses - own_losses) / losses).abs().max().item()
    for part, values in kept.items():
        norms = [v.double().norm().item() for v in values]
        for value, other, norm in zip(values, own[part], norms):
            worst = max(worst, (value.double() - other.double()).norm().item() / max(norm, 1e-3 * max(norms)))
    return worst


def steps(name, optimiser):
    for number in range(1, 9):
        series = f"series{number}"
        precise = run(name, optimiser, series, "float64")
        worst = max(apart(precise, run(name, optimiser, series, variant))
                    for variant in ("float32", "channels last", "moved"))
        losses, kept = precise
        print(f"{name} {optimiser} on {series}: {losses[0]:.4g} to {losses[-1]:.4g}; PyTorch's others differ by "
              f"{worst:.2g}", flush=True)
        if worst < 3e-4:
            break
    else:
        raise AssertionError(name)
    key = f"steps/{name}/{optimiser}"
    tensors[f"{key}/losses"] = losses
    for part, values in kept.items():
        tensors[f"{key}/{part}"] = rows(values)
    return series


def main():
    for name in NETWORKS:
        for is_narrow in (False, True):
            gradients(name, is_narrow)
    write_cases("training.json", unique(cases))
    write_tensors("training.safetensors", tensors)


if __name__ == "__main__":
    main()
