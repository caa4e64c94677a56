"""What torchvision's transforms make of pictures when their parameters are given.

Writes `Tests/Fixtures/transforms.json`: a case names an operation, its numbers, the size and the seed of the
picture (`noise` of `images_draw.py`, smoothed where `smooth` is true) and the FNV-1a hash of the pixels that
come out. Run with Pillow and torchvision installed: `python Reference/transforms_make.py`.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode, RandAugment, RandomResizedCrop, v2
from torchvision.transforms import functional as F
from torchvision.transforms.autoaugment import _apply_op

from images_draw import noise

TARGET = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "transforms.json"
SIZES = [(31, 23), (12, 12), (1, 7)]
ENHANCEMENTS = {"brightness": F.adjust_brightness, "contrast": F.adjust_contrast,
                "saturation": F.adjust_saturation, "sharpness": F.adjust_sharpness}


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def picture(size, seed, smooth):
    pixels = np.asarray(noise(*size, seed=seed))
    # Few colours that lie together: histograms with gaps, hues that are the same.
    return Image.fromarray(pixels // 5 + 60 if smooth else pixels)


def operations():
    for mode in ("nearest", "bilinear", "bicubic"):
        for angle in (0, 7.5, 45, 90, 179.99, 180, 270, -30, 333.25):
            for expand in (False, True):
                yield "rotate", dict(angle=angle, mode=mode, expand=expand, fill=9), lambda p, a=angle, m=mode, \
                    e=expand: F.rotate(p, a, InterpolationMode(m), e, fill=[9, 9, 9])
    for name, function in ENHANCEMENTS.items():
        for factor in (0, 0.3, 0.73, 1, 1.41, 2.9):
            yield name, dict(factor=factor), lambda p, f=factor, g=function: g(p, f)
    for factor in (-0.5, -0.21, -0.003, 0, 0.1, 0.37, 0.5):
        yield "hue", dict(factor=factor), lambda p, f=factor: F.adjust_hue(p, f)
    for bits in range(1, 9):
        yield "posterize", dict(factor=bits), lambda p, b=bits: F.posterize(p, b)
    for threshold in (0, 77.4, 128, 255):
        yield "solarize", dict(factor=threshold), lambda p, t=threshold: F.solarize(p, t)
    yield "autocontrast", {}, F.autocontrast
    yield "equalize", {}, F.equalize
    for bins, magnitudes in ((31, (0, 4, 9, 15, 30)), (10, (3, 7))):
        for magnitude in magnitudes:
            for sign in (1, -1):
                yield from augmentations(bins, magnitude, sign)
    for mode in ("constant", "edge", "reflect", "symmetric"):
        for left, top, right, bottom in ((3, 2, 1, 4), (0, 0, 5, 5), (9, 8, 7, 6)):
            yield "pad", dict(box=[left, top, right, bottom], mode=mode, fill=7), \
                lambda p, b=(left, top, right, bottom), m=mode: F.pad(p, b, 7, m)


def augmentations(bins, magnitude, sign):
    for name, (_, signed) in RandAugment()._augmentation_space(31, (8, 8)).items():
        if sign < 0 and not signed:
            continue

        def apply(p, name=name):
            space = RandAugment()._augmentation_space(bins, (p.height, p.width))
            values = space[name][0]
            value = float(values[magnitude].item()) if values.ndim > 0 else 0.0
            return _apply_op(p, name, sign * value, InterpolationMode.NEAREST, None)

        yield "augment", dict(name=name, bins=bins, magnitude=magnitude, negative=sign < 0), apply


def pictures():
    for size in SIZES:
        for op, numbers, function in operations():
            smooth = op in ("autocontrast", "equalize", "hue", "contrast")
            if op == "pad" and numbers["mode"] == "reflect" and 1 in size:
                continue  # numpy has nothing to mirror
            for smooth in {False, smooth}:
                source = picture(size, len(op), smooth)
                result = function(source)
                yield dict(op=op, size=list(size), seed=len(op), smooth=smooth, **numbers,
                           result=list(result.size), hash=fnv(result.tobytes()))
    for box in ((2, 3, 20, 11), (0, 0, 31, 23), (30, 22, 1, 1)):
        for side in ((8, 8), (40, 13)):
            result = F.resized_crop(picture((31, 23), 5, False), box[1], box[0], box[3], box[2], side,
                                    antialias=True)
            yield dict(op="crop", size=[31, 23], seed=5, smooth=False, box=list(box), side=list(side),
                       result=list(result.size), hash=fnv(result.tobytes()))


def middles():
    """Where the random crop goes when nothing fits."""
    for size in ((100, 10), (10, 100), (33, 31), (7, 5), (1000, 3)):
        top, left, height, width = RandomResizedCrop.get_params(
            Image.new("RGB", size), [2.0, 2.0], [3 / 4, 4 / 3])
        yield dict(size=list(size), box=[left, top, width, height])


def mixtures():
    torch.manual_seed(3)
    batch, labels = torch.rand(3, 2, 5, 4), torch.tensor([2, 0, 1])
    common = dict(shape=list(batch.shape), inputs=batch.flatten().tolist(), labels=labels.tolist(), classes=4)
    for share in (0.0, 0.3, 0.8125, 1.0):
        mix = v2.MixUp(num_classes=4)
        mix.make_params = lambda flat, share=share: dict(lam=share)
        images, soft = mix(batch, labels)
        yield dict(kind="mixup", share=share, **common, result=images.flatten().tolist(),
                   soft=soft.flatten().tolist())
    for share, x, y in ((0.0, 1, 2), (0.5, 0, 0), (0.3, 3, 4), (1.0, 2, 2)):
        cut = v2.CutMix(num_classes=4)
        draws = iter((torch.tensor([x]), torch.tensor([y])))
        cut._dist = SimpleNamespace(sample=lambda shape, share=share: share)
        original, torch.randint = torch.randint, lambda *a, **k: next(draws)
        images, soft = cut(batch, labels)
        torch.randint = original
        yield dict(kind="cutmix", share=share, x=x, y=y, **common, result=images.flatten().tolist(),
                   soft=soft.flatten().tolist())


def main():
    def lines(cases):
        return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]"

    TARGET.write_text(
        f'{{"torchvision": "{torchvision.__version__.split("+")[0]}", "pillow": "{PIL.__version__}",\n'
        f'"pictures": {lines(pictures())},\n"middles": {lines(middles())},\n"mixtures": {lines(mixtures())}}}\n')


if __name__ == "__main__":
    main()
