"""learning.json and learning.safetensors: optimisers, schedules, losses, clipping and averages on small problems.

- `optimisers`: two parameters, "a" [3, 4] and "b" [5], of the formula over -1..1. The loss of step t is
  sum(a * ta) + 0.5 * sum((a - 0.3) ** 2) + sum(b * tb), where ta and tb are the formula tensors "a{t}" and "b{t}".
  b has a group of its own with lr / 2 and no weight decay. After 6 of 12 steps both learning rates are halved.
  `NAME/a`, `NAME/b` and the parts of the state, `NAME/a.exp_avg`, are what came out.
- `schedules`: the learning rates of two groups, 0.1 and 0.02, before each of 30 steps, and the momentum of the
  first where it changes.
- `losses`: inputs are the formula tensor "x" over a range, targets "t" (class indices are `(7 i) % classes`, the
  class at place `ignored` being -100); `NAME/loss` and `NAME/gradient` of the mean or sum of it times "seed".
- `clips`: three gradients of the formula, clipped; `average`: four updates of averages.

LAMB and LARS are not in torch.optim; they are written here after their papers, with timm's treatment of groups
without weight decay.
"""

import math

import torch
from torch import nn
from torch.optim import lr_scheduler as schedules

import formula
from common import unique, write_cases, write_tensors

tensors = {}


class LAMB(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(step=torch.zeros(()), exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                state["step"] += 1
                (b1, b2), t = group["betas"], int(state["step"])
                state["exp_avg"].mul_(b1).add_(p.grad, alpha=1 - b1)
                state["exp_avg_sq"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                m, v = state["exp_avg"] / (1 - b1**t), state["exp_avg_sq"] / (1 - b2**t)
                update = m / (v.sqrt() + group["eps"])
                trust = 1.0
                if group["weight_decay"] != 0:
                    update = update + group["weight_decay"] * p
                    w, u = p.norm(), update.norm()
                    trust = w / u if w > 0 and u > 0 else 1.0
                p.sub_(group["lr"] * trust * update)


class LARS(torch.optim.Optimizer):
    def __init__(self, params, lr=1.0, momentum=0, dampening=0, weight_decay=0, nesterov=False, trust=1e-3, eps=1e-8):
        super().__init__(params, dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
                                      nesterov=nesterov, trust=trust, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                g, decay = p.grad, group["weight_decay"]
                if decay != 0:
                    w, n = p.norm(), g.norm()
                    trust = group["trust"] * w / (n + w * decay + group["eps"]) if w > 0 and n > 0 else 1.0
                    g = (g + decay * p) * trust
                if group["momentum"] != 0:
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = g.clone()
                    else:
                        state["momentum_buffer"].mul_(group["momentum"]).add_(g, alpha=1 - group["dampening"])
                    buffer = state["momentum_buffer"]
                    g = g + group["momentum"] * buffer if group["nesterov"] else buffer
                p.sub_(group["lr"] * g)


OPTIMISERS = [
    ("sgd", "SGD", dict(lr=0.05)),
    ("sgd_decay", "SGD", dict(lr=0.05, weight_decay=0.1)),
    ("sgd_momentum", "SGD", dict(lr=0.05, momentum=0.9)),
    ("sgd_dampened", "SGD", dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.01)),
    ("sgd_nesterov", "SGD", dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("sgd_maximize", "SGD", dict(lr=0.01, momentum=0.5, maximize=True)),
    ("adam", "Adam", dict()),
    ("adam_decay", "Adam", dict(lr=0.02, weight_decay=0.1, betas=[0.8, 0.95], eps=1e-6)),
    ("adam_amsgrad", "Adam", dict(lr=0.05, amsgrad=True)),
    ("adam_maximize", "Adam", dict(lr=0.01, maximize=True)),
    ("adamw", "AdamW", dict()),
    ("adamw_decay", "AdamW", dict(lr=0.05, weight_decay=0.5)),
    ("adamw_amsgrad", "AdamW", dict(lr=0.05, amsgrad=True, betas=[0.5, 0.6])),
    ("rmsprop", "RMSprop", dict()),
    ("rmsprop_momentum", "RMSprop", dict(lr=0.02, alpha=0.9, momentum=0.7, weight_decay=0.05)),
    ("rmsprop_centered", "RMSprop", dict(lr=0.02, centered=True, momentum=0.5)),
    ("adagrad", "Adagrad", dict()),
    ("adagrad_decay", "Adagrad", dict(lr=0.1, lr_decay=0.2, weight_decay=0.1, initial_accumulator_value=0.5)),
    ("lamb", "LAMB", dict(lr=0.02, weight_decay=0.1)),
    ("lars", "LARS", dict(lr=2.0, momentum=0.9, weight_decay=0.01, trust=0.02)),
    ("lars_nesterov", "LARS", dict(lr=2.0, momentum=0.9, nesterov=True, weight_decay=0.01, trust=0.02)),
]


def optimisers():
    for name, kind, args in OPTIMISERS:
        make = globals().get(kind) or getattr(torch.optim, kind)
        a = formula.values("a", (3, 4), -1, 1).requires_grad_()
        b = formula.values("b", (5,), -1, 1).requires_grad_()
        default = make([torch.zeros(1, requires_grad=True)], **args).defaults["lr"]
        optimizer = make([{"params": [a]}, {"params": [b], "lr": default / 2, "weight_decay": 0}], **args)
        for t in range(12):
            if t == 6:
                for group in optimizer.param_groups:
                    group["lr"] *= 0.5
            ta, tb = formula.values(f"a{t}", (3, 4), -1, 1), formula.values(f"b{t}", (5,), -1, 1)
            loss = (a * ta).sum() + 0.5 * ((a - 0.3) ** 2).sum() + (b * tb).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for key, p in (("a", a), ("b", b)):
            tensors[f"{name}/{key}"] = p
            for part, value in optimizer.state[p].items():
                if torch.is_tensor(value):
                    tensors[f"{name}/{key}.{part}"] = value
        yield {"name": name, "kind": kind, "args": args}


SCHEDULES = [
    ("step", "StepLR", dict(step_size=4)),
    ("step_gamma", "StepLR", dict(step_size=7, gamma=0.5)),
    ("multistep", "MultiStepLR", dict(milestones=[3, 8, 8, 20], gamma=0.3)),
    ("exponential", "ExponentialLR", dict(gamma=0.9)),
    ("cosine", "CosineAnnealingLR", dict(T_max=8)),
    ("cosine_min", "CosineAnnealingLR", dict(T_max=25, eta_min=0.01)),
    ("restarts", "CosineAnnealingWarmRestarts", dict(T_0=5)),
    ("restarts_longer", "CosineAnnealingWarmRestarts", dict(T_0=3, T_mult=2, eta_min=0.005)),
    ("linear", "LinearLR", dict()),
    ("linear_down", "LinearLR", dict(start_factor=1.0, end_factor=0.2, total_iters=12)),
    ("one_cycle", "OneCycleLR", dict(max_lr=0.4, total_steps=31)),
    ("one_cycle_linear", "OneCycleLR", dict(max_lr=[0.4, 0.1], total_steps=31, anneal_strategy="linear",
                                            pct_start=0.5, div_factor=10.0, final_div_factor=100.0)),
    ("one_cycle_three", "OneCycleLR", dict(max_lr=0.4, total_steps=40, three_phase=True, base_momentum=0.7)),
    ("plateau", "ReduceLROnPlateau", dict(patience=2)),
    ("plateau_max", "ReduceLROnPlateau", dict(mode="max", factor=0.5, patience=1, cooldown=2, min_lr=0.01,
                                              threshold_mode="abs", threshold=0.05)),
    ("warmup_cosine", "SequentialLR", dict(parts=[["LinearLR", dict(start_factor=0.1, total_iters=5)],
                                                  ["CosineAnnealingLR", dict(T_max=20)]], milestones=[5])),
    ("three_parts", "SequentialLR", dict(parts=[["StepLR", dict(step_size=2)], ["ExponentialLR", dict(gamma=0.8)],
                                                ["CosineAnnealingWarmRestarts", dict(T_0=4)]],
                                         milestones=[6, 12])),
]


def metric(step):
    """What a plateau is told: falls, then wavers."""
    return max(1 - 0.2 * step, 0.2) + 0.05 * math.sin(5 * step)


def lr_schedules():
    for name, kind, args in SCHEDULES:
        a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.02}], lr=0.1, momentum=0.9)
        if kind == "SequentialLR":
            parts = [getattr(schedules, part)(optimizer, **options) for part, options in args["parts"]]
            schedule = schedules.SequentialLR(optimizer, parts, milestones=args["milestones"])
        else:
            schedule = getattr(schedules, kind)(optimizer, **args)
        rates, momenta = [], []
        for step in range(30):
            rates.append([group["lr"] for group in optimizer.param_groups])
            momenta.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            schedule.step(metric(step)) if kind == "ReduceLROnPlateau" else schedule.step()
        yield {"name": name, "kind": kind, "args": args, "rates": rates, "momenta": momenta}


# name, loss, arguments, input shape, target: classes, probabilities or numbers
LOSSES = [
    *[(f"ce_{r}", "CrossEntropyLoss", dict(reduction=r), (6, 5), "classes") for r in ("mean", "sum", "none")],
    ("ce_image", "CrossEntropyLoss", dict(), (2, 4, 3, 3), "classes"),
    ("ce_one", "CrossEntropyLoss", dict(), (5,), "classes"),
    ("ce_weight", "CrossEntropyLoss", dict(weight=True), (7, 5), "classes"),
    ("ce_smooth", "CrossEntropyLoss", dict(label_smoothing=0.1), (6, 5), "classes"),
    ("ce_smooth_sum", "CrossEntropyLoss", dict(label_smoothing=0.3, reduction="sum", weight=True), (6, 5), "classes"),
    ("ce_smooth_weight", "CrossEntropyLoss", dict(label_smoothing=0.2, weight=True, ignored=2), (6, 5), "classes"),
    ("ce_smooth_none", "CrossEntropyLoss", dict(label_smoothing=0.2, reduction="none", weight=True, ignored=1),
     (6, 5), "classes"),
    ("ce_ignore", "CrossEntropyLoss", dict(ignored=3), (6, 5), "classes"),
    ("ce_ignore_image", "CrossEntropyLoss", dict(ignored=4, weight=True, label_smoothing=0.1), (2, 4, 3, 2), "classes"),
    ("ce_probabilities", "CrossEntropyLoss", dict(), (6, 5), "probabilities"),
    ("ce_probabilities_all", "CrossEntropyLoss", dict(label_smoothing=0.2, weight=True, reduction="sum"), (6, 5),
     "probabilities"),
    ("ce_probabilities_image", "CrossEntropyLoss", dict(weight=True), (2, 4, 3, 3), "probabilities"),
    *[(f"nll_{r}", "NLLLoss", dict(reduction=r, weight=True, ignored=1), (6, 5), "classes")
      for r in ("mean", "sum", "none")],
    *[(f"mse_{r}", "MSELoss", dict(reduction=r), (3, 4), "numbers") for r in ("mean", "sum", "none")],
    *[(f"l1_{r}", "L1Loss", dict(reduction=r), (3, 4), "numbers") for r in ("mean", "sum", "none")],
    *[(f"smooth_l1_{r}", "SmoothL1Loss", dict(reduction=r), (3, 7), "numbers") for r in ("mean", "sum", "none")],
    ("smooth_l1_beta", "SmoothL1Loss", dict(beta=0.4), (3, 7), "numbers"),
    ("smooth_l1_zero", "SmoothL1Loss", dict(beta=0.0), (3, 7), "numbers"),
    *[(f"bce_{r}", "BCEWithLogitsLoss", dict(reduction=r), (3, 5), "probabilities") for r in ("mean", "sum", "none")],
    ("bce_wide", "BCEWithLogitsLoss", dict(range=[-90, 90]), (3, 5), "probabilities"),
    ("bce_weights", "BCEWithLogitsLoss", dict(weight=True, pos_weight=True), (3, 5), "probabilities"),
    *[(f"kl_{r}", "KLDivLoss", dict(reduction=r), (3, 5), "probabilities")
      for r in ("mean", "sum", "none", "batchmean")],
    ("kl_zero", "KLDivLoss", dict(reduction="sum", sparse=True), (3, 5), "probabilities"),
    ("kl_log", "KLDivLoss", dict(reduction="batchmean", log_target=True), (3, 5), "numbers"),
]


def losses():
    for name, kind, args, shape, target in LOSSES:
        options = dict(args)
        low, high = options.pop("range", [-3, 3])
        ignored, sparse = options.pop("ignored", None), options.pop("sparse", False)
        classes = shape[-1] if len(shape) < 3 else shape[1]
        for key in ("weight", "pos_weight"):
            if options.get(key):
                options[key] = formula.values(key, (classes,), 0.2, 2)
        x = formula.values("x", shape, low, high).requires_grad_()
        if target == "classes":
            rest = shape[:1] + shape[2:] if len(shape) > 1 else ()
            t = (torch.arange(math.prod(rest)) * 7 % classes).reshape(rest)
            if ignored is not None:
                t.view(-1)[ignored] = -100
        elif target == "probabilities":
            t = formula.values("t", shape, 0, 1)
            if sparse:
                t = torch.where(t < 0.5, 0.0, t)
        else:
            t = formula.values("t", shape, -3, 3)
        result = getattr(nn, kind)(**options)(x, t)
        seed = formula.values("seed", result.shape, 0.5, 1.5)
        tensors[f"{name}/loss"] = result
        tensors[f"{name}/gradient"], = torch.autograd.grad((result * seed).sum(), x)
        yield {"name": name, "kind": kind, "args": args, "shape": list(shape), "target": target}


def clips():
    for name, largest, norm_type in [("clip", 1.0, 2.0), ("clip_loose", 100.0, 2.0), ("clip_inf", 0.5, math.inf),
                                     ("clip_one", 2.0, 1.0), ("clip_three", 0.7, 3.0), ("clip_value", 0.25, None)]:
        parameters = [nn.Parameter(torch.zeros(s)) for s in ((3, 4), (5,), ())]
        for i, p in enumerate(parameters):
            p.grad = formula.values(f"g{i}", p.shape, -1, 1)
        if norm_type is None:
            nn.utils.clip_grad_value_(parameters, largest)
        else:
            tensors[f"{name}/norm"] = nn.utils.clip_grad_norm_(parameters, largest, norm_type)
        for i, p in enumerate(parameters):
            tensors[f"{name}/g{i}"] = p.grad
        yield {"name": name, "largest": largest, "norm_type": "inf" if norm_type == math.inf else norm_type}


def averages():
    model = formula.fill(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm2d(2)))
    ema = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.7))
    with torch.no_grad():
        for step in range(4):
            for p in model.parameters():
                p += formula.values(f"move{step}", p.shape, -1, 1)
            ema.update_parameters(model)
    for name, p in ema.module.named_parameters():
        tensors[f"average/{name}"] = p
    yield {"name": "average", "decay": 0.7}


def main():
    groups = {"optimisers": optimisers, "schedules": lr_schedules, "losses": losses, "clips": clips,
              "averages": averages}
    cases = []
    for group, make in groups.items():
        found = [{"group": group, **case} for case in make()]
        print(f"{group}: {len(found)}")
        cases += found
    write_cases("learning.json", unique(cases))
    write_tensors("learning.safetensors", tensors)


if __name__ == "__main__":
    main()
