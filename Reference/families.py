"""families/: the networks of torchvision that Strata builds by name, as torchvision and torch see them.

families.json holds, for every model, the number of parameters, digests of the printed text and of the state
dictionary, exact multiply-adds, and the published figures; families.safetensors the scores of a small image with
formula weights; NAME.txt the text of the first network of each family. layers.json and layers.safetensors are
about the layers that only these networks have.

    python Reference/families.py            writes the fixtures
    python Reference/families.py NAME       prints the text of one network
    python Reference/families.py NAME state prints the names and shapes of its state dictionary
"""

import re
import sys

import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

import formula
import networks
from common import FIXTURES, VERSION, unique, write_cases, write_tensors, write_text
from make_print import old_text as old_norm_text

CLASSES = 10
REGNETS = ["400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf"]
FAMILIES = {
    "AlexNet": ["alexnet@torchvision"],
    "VGG": [f"vgg{d}{n}" for d in (11, 13, 16, 19) for n in ("", "_bn")],
    "GoogLeNet": ["googlenet"],
    "ResNet": ["resnet18", "resnet34", "resnet50@torchvision", "resnet50@v1", "resnet101", "resnet152",
               "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2",
               "wide_resnet101_2"],
    "SqueezeNet": ["squeezenet1_0", "squeezenet1_1"],
    "DenseNet": ["densenet121", "densenet161", "densenet169", "densenet201"],
    "MobileNetV1": ["mobilenet_v1@0.75", "mobilenet_v1@0.5", "mobilenet_v1@0.25"],
    "MobileNetV2": ["mobilenet_v2"],
    "MobileNetV3": ["mobilenet_v3_small", "mobilenet_v3_large"],
    "ShuffleNetV2": [f"shufflenet_v2_x{w}" for w in ("0_5", "1_0", "1_5", "2_0")],
    "MNASNet": [f"mnasnet{w}" for w in ("0_5", "0_75", "1_0", "1_3")],
    "EfficientNet": [f"efficientnet_b{n}" for n in range(8)],
    "RegNet": [f"regnet_{k}_{s}" for k in "xy" for s in REGNETS] + ["regnet_y_128gf"],
    "ConvNeXt": [f"convnext_{s}" for s in ("tiny", "small", "base", "large")],
    "LeNet5": ["lenet5"],
    "SmallCNN": ["small_cnn"],
    "CIFARResNet": [f"resnet{depth}" for depth in (20, 32, 44, 56, 110)],
}
# Networks that torchvision does not have; the classes below define them.
OWN = {"lenet5": (1, 28, 28), "small_cnn": (1, 28, 28),
       **{f"resnet{depth}": (3, 32, 32) for depth in (20, 32, 44, 56, 110)}}
# What the paper of the CIFAR networks says, in millions of parameters.
STATED = {"resnet20": 0.27, "resnet32": 0.46, "resnet44": 0.66, "resnet56": 0.85, "resnet110": 1.7}
LAYERS = """
LayerNorm(8)
LayerNorm((3, 8), eps=1e-6)
LayerNorm(8, elementwise_affine=False)
LayerNorm(8, eps=0.5, bias=False)
LayerNorm2d((5,), eps=1e-6)
Permute([0, 2, 3, 1])
StochasticDepth(0.25, "row")
StochasticDepth(1, "batch")
SqueezeExcitation(5, 3)
SqueezeExcitation(5, 3, SiLU, Hardsigmoid)
Conv2dNormActivation(5, 6)
Conv2dNormActivation(5, 6, kernel_size=(5, 3), stride=2, dilation=2, activation_layer=None)
Conv2dNormActivation(5, 10, 1, groups=5, norm_layer=None, activation_layer=SiLU)
ModuleDict({"one": ReLU(), "two": Linear(2, 3)})
""".strip().splitlines()
# Too large to fill with formula values in a test: texts and counts only.
WITHOUT_SCORES = {"regnet_y_128gf"}
# Deep networks that weigh their channels double every difference again and again with the formula's weights: torch
# in single and in double precision disagree about B7. Weights of two axes and more are multiplied by this there.
GAIN = {"efficientnet_b6": 0.95, "efficientnet_b7": 0.95, "regnet_y_1_6gf": 0.9, "regnet_y_32gf": 0.95}
# Variants with an option: the model, its Strata options, and how torchvision builds the same.
OPTIONS = [
    ("mobilenet_v2", {"width": 1.4, "dropout": 0.3}, {"width_mult": 1.4, "dropout": 0.3}),
    ("mobilenet_v2", {"width": 0.35}, {"width_mult": 0.35}),
    ("mobilenet_v3_large", {"width": 0.75, "dropout": 0.1}, {"width_mult": 0.75, "dropout": 0.1}),
    ("mobilenet_v3_small", {"width": 1.3}, {"width_mult": 1.3}),
    ("vgg11", {"dropout": 0.25, "classes": 7}, {"dropout": 0.25, "num_classes": 7}),
    ("densenet121", {"dropout": 0.5}, {"drop_rate": 0.5}),
    ("efficientnet_b0", {"dropout": 0.35}, {"dropout": 0.35}),
    ("squeezenet1_1", {"dropout": 0.75, "classes": 3}, {"dropout": 0.75, "num_classes": 3}),
    ("googlenet", {"dropout": 0.45}, {"dropout": 0.45}),
    ("mnasnet1_0", {"dropout": 0.15}, {"dropout": 0.15}),
    ("resnet20", {"width": 0.5, "classes": 7}, {"width": 0.5, "num_classes": 7}),
    ("small_cnn", {"width": 0.25, "classes": 3}, {"width": 0.25, "num_classes": 3}),
]


class MobileNetV1(networks.MobileNetV1):
    """The lab's network with every width multiplied; the multiples of 8 are exact for the paper's four."""

    def __init__(self, width, num_classes=1000):
        nn.Module.__init__(self)
        channels = int(32 * width)
        layers = [nn.Conv2d(3, channels, kernel_size=3, stride=2, padding=1, bias=False),
                  nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        for outputs, stride in self.BLOCKS:
            layers.append(networks.DepthwiseSeparableConv(channels, int(outputs * width), stride))
            channels = int(outputs * width)
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(channels, num_classes)


class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2, stride=2),
            nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2, stride=2))
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, num_classes))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class SmallCNN(nn.Module):
    def __init__(self, num_classes=10, width=1):
        super().__init__()
        layers, channels = [], 1
        for outputs, stride in ((32, 1), (64, 2), (64, 1), (128, 2)):
            outputs = round(outputs * width)
            layers += [nn.Conv2d(channels, outputs, 3, stride=stride, padding=1, bias=False),
                       nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            channels = outputs
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class Block(nn.Module):
    """A block of the CIFAR networks, with shortcuts of option A."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.new = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        shortcut = nn.functional.pad(x[:, :, ::self.stride, ::self.stride],
                                     (0, 0, 0, 0, self.new // 2, self.new - self.new // 2))
        return self.relu(y + shortcut)


class CIFARResNet(nn.Module):
    def __init__(self, depth, num_classes=10, width=1):
        super().__init__()
        widths = [round(channels * width) for channels in (16, 32, 64)]
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        inputs = widths[0]
        for stage, outputs in enumerate(widths, 1):
            blocks = []
            for index in range((depth - 2) // 6):
                blocks.append(Block(inputs, outputs, 2 if stage > 1 and index == 0 else 1))
                inputs = outputs
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(self.avgpool(x).flatten(1))


def draw_nothing():
    """From here on, networks keep the memory they find: the values come from the formula."""
    for name in [n for n in dir(nn.init) if n.endswith("_") and not n.startswith("_")]:
        setattr(nn.init, name, lambda tensor, *a, **k: tensor)


def build(name, **kwargs):
    base, _, variant = name.partition("@")
    if base == "mobilenet_v1":
        return MobileNetV1(float(variant), **kwargs)
    if base == "lenet5":
        return LeNet5(**kwargs)
    if base == "small_cnn":
        return SmallCNN(**kwargs)
    if base in STATED:
        return CIFARResNet(int(base.removeprefix("resnet")), **kwargs)
    if base == "googlenet":
        kwargs = {"aux_logits": False, "init_weights": False, **kwargs}
    model = getattr(models, base)(**kwargs)
    if variant == "v1":  # the paper's place of the stride
        for module in model.modules():
            if isinstance(module, models.resnet.Bottleneck):
                module.conv1.stride, module.conv2.stride = module.conv2.stride, module.conv1.stride
    return model


def digest(text):
    """FNV-1a of 64 bits: enough to notice a difference, and short to write in any language."""
    h = 14695981039346656037
    for byte in text.encode("utf-8"):
        h = ((h ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def state_text(model):
    return "\n".join(f"{name} {list(tensor.shape)}" for name, tensor in model.state_dict().items())


def facts(model):
    text, state = str(model), state_text(model)
    return {"parameters": networks.parameter_count(model), "text_digest": digest(text),
            "text_length": len(text.encode()), "state_digest": digest(state),
            "state_count": len(model.state_dict())}


def published(name):
    """[crop size, GMACs] of all weights, and the number of parameters they state."""
    if "@" in name and not name.endswith("@torchvision") or name in OWN:
        return {}
    weights = list(models.get_model_weights(name.partition("@")[0]))
    counts = {w.meta["num_params"] for w in weights}
    assert len(counts) == 1, name
    sizes = {(w.transforms.keywords["crop_size"], w.meta["_ops"]) for w in weights}
    return {"published_parameters": counts.pop(), "published_macs": sorted(map(list, sizes))}


def image(name, size):
    return OWN.get(name, (3, size, size))


@torch.no_grad()
def multiply_adds(model, shape):
    with FlopCounterMode(display=False) as counter:
        model.to("meta").eval()(torch.empty((1, *shape), device="meta"))
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


def check(name, logits):
    """The numbers must be able to tell a wrong network from a right one."""
    assert logits.isfinite().all(), name
    assert logits.std(dim=1).min() > 1e-3 * logits.abs().max(), name
    assert (logits[0] - logits[1]).abs().max() > 1e-3 * logits.abs().max(), name


@torch.no_grad()
def scores(name):
    """Two images at once, small: 64 pixels are enough for every family."""
    model = formula.fill(build(name, num_classes=CLASSES)).eval()
    for key, weight in model.named_parameters():
        if name in GAIN and weight.dim() >= 2:
            bound = GAIN[name] * formula.bounds(key, weight.shape)[1]
            weight.copy_(formula.values(key, weight.shape, -bound, bound))
    logits = model(formula.input_tensor((2, *image(name, 64))))
    print(f"{name}: std {logits.std(dim=1).mean():.4g}, max {logits.abs().max():.4g}, "
          f"apart {(logits[0] - logits[1]).abs().max():.4g}", flush=True)
    check(name, logits)
    precise = model.double()(formula.input_tensor((2, *image(name, 64))).double())
    assert (logits - precise).abs().max() < 1e-5 * precise.abs().max(), name  # else no other engine could agree
    return logits


def old_text(text):
    return re.sub(r"(LayerNorm(?:2d)?\(.*?), bias=(?:True|False)", r"\1", old_norm_text(text))


def layers():
    """Single layers: their texts, and results on `[2, 5, 3, 8]` in eval mode where they can be called."""
    scope = {**vars(nn), **vars(torchvision.ops), "LayerNorm2d": models.convnext.LayerNorm2d,
             "Conv2dNormActivation": torchvision.ops.Conv2dNormActivation}
    cases, tensors = [], {}
    for expression in LAYERS:
        layer = formula.fill(eval(expression, scope)).eval()
        cases.append({"name": expression, "text": str(layer), "text_torch20": old_text(str(layer))})
        if not isinstance(layer, nn.ModuleDict):
            tensors[f"{expression}/output"] = layer(formula.input_tensor((2, 5, 3, 8)))
    return cases, tensors


def main():
    assert torchvision.__version__.startswith("0.29."), torchvision.__version__
    draw_nothing()
    cases, tensors = [], {}
    for family, names in FAMILIES.items():
        for name in names:
            strata = "vgg16@torchvision" if name == "vgg16" else name
            model = build(name)
            case = {"name": strata, "class": family, **facts(model), **published(name)}
            assert name not in STATED or abs(case["parameters"] / 1e6 - STATED[name]) < 0.05, name
            own = {size for size, _ in case.get("published_macs", [])} or {OWN.get(name, (3, 224))[1]}
            if name == names[0]:
                write_text(f"families/{strata}.txt", str(model) + "\n")
            case["macs"] = [[size, multiply_adds(model, image(name, size))] for size in sorted(own)]
            for size, macs in case["macs"]:
                for other, giga in case.get("published_macs", []):
                    assert other != size or abs(macs / 1e9 - giga) < 0.00051, (name, size, macs, giga)
            if case.get("published_parameters", case["parameters"]) != case["parameters"]:
                raise AssertionError(name)
            if name not in WITHOUT_SCORES:
                tensors[strata] = scores(name)
                case["input"] = [2, *image(name, 64)]
                if name in GAIN:
                    case["gain"] = GAIN[name]
            cases.append(case)
    for name, options, kwargs in OPTIONS:
        settings = " ".join(f"{key}={value}" for key, value in options.items())
        strata = "vgg16@torchvision" if name == "vgg16" else name
        cases.append({"name": f"{strata} {settings}", "model": strata, "options": options,
                      **facts(build(name, **kwargs))})
    layer_cases, layer_tensors = layers()
    write_cases("families/layers.json", unique(layer_cases))
    write_tensors("families/layers.safetensors", layer_tensors)
    write_cases("families/families.json", unique(cases), torchvision=torchvision.__version__.split("+")[0],
                classes=CLASSES)
    write_tensors("families/families.safetensors", tensors)
    print(f"torch {VERSION}:", sum(f.stat().st_size for f in (FIXTURES / "families").iterdir()), "bytes")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        draw_nothing()
        network = build(sys.argv[1])
        print(state_text(network) if "state" in sys.argv[2:] else network)
    else:
        main()
