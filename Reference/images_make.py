"""Pictures of every kind, what Pillow makes of their pixels and torchvision of its input.

Writes `Tests/Fixtures/images`: the pictures, `index.json`, `pixels.bin` (bytes) and `tensors.bin` (float32,
little endian). Run with Pillow and torchvision installed: `python Reference/images_make.py`.
"""

import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from torchvision.transforms._presets import ImageClassification

from images_draw import exif, grey, jpeg, noise, png, scene, stitched, turbo, with_segment

FOLDER = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "images"
MODES = {name: InterpolationMode(name) for name in ("nearest", "bilinear", "bicubic")}
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


def jpegs():
    photo = scene(61, 43)
    yield "rgb-420.jpg", jpeg(photo, quality=90, subsampling=2)
    yield "rgb-422.jpg", jpeg(photo, quality=75, subsampling=1)
    yield "rgb-444.jpg", jpeg(photo, quality=95, subsampling=0)
    yield "rgb-440.jpg", turbo(photo, 0, 4)
    yield "rgb-411.jpg", turbo(photo, 0, 5)
    yield "rgb-410.jpg", stitched([grey(scene(61, 43)), noise(16, 22, 1)[:, :, 0] // 4 + 96,
                                   grey(scene(16, 22))], [(4, 2), (1, 1), (1, 1)], 61, 43)
    yield "rgb-direct.jpg", jpeg(photo, quality=90, keep_rgb=True)
    yield "rgb-restarts.jpg", jpeg(photo, quality=80, restart_marker_blocks=2)
    yield "progressive-420.jpg", jpeg(photo, quality=85, progressive=True, subsampling=2)
    yield "progressive-444.jpg", jpeg(scene(64, 48), quality=60, progressive=True, subsampling=0)
    yield "grey.jpg", jpeg(grey(photo), quality=85)
    yield "grey-progressive.jpg", jpeg(grey(photo), quality=85, progressive=True)
    inks = np.dstack([photo, grey(scene(61, 43, 9)) // 2])
    yield "cmyk.jpg", jpeg(Image.fromarray(inks, "CMYK"), quality=90)
    yield "ycck.jpg", turbo(inks, 11, 0)
    yield "ycck-420.jpg", turbo(inks, 11, 2)
    yield "one.jpg", jpeg(scene(1, 1), quality=90)
    yield "wide.jpg", jpeg(scene(97, 1), quality=90)
    yield "tall.jpg", jpeg(scene(1, 97), quality=90)
    yield "noise.jpg", jpeg(noise(40, 40), quality=95)
    yield "named.png", jpeg(scene(20, 14), quality=90)  # the contents count, not the name
    small = scene(29, 17)
    for number in range(1, 9):
        block = exif(number, little=number % 2 == 0, kind=4 if number == 7 else 3)
        data = jpeg(small, quality=90)
        yield f"orientation-{number}.jpg", with_segment(data, 0xE1, b"Exif\0\0" + block)
    yield "orientation-9.jpg", with_segment(jpeg(small), 0xE1, b"Exif\0\0" + exif(9))
    split = with_segment(jpeg(small), 0xE1, b"Exif\0\0" + exif(6)[20:])
    yield "orientation-split.jpg", with_segment(split, 0xE1, b"Exif\0\0" + exif(6)[:20])
    yield "orientation-xmp.jpg", with_segment(jpeg(small), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % 8)
    damaged = bytearray(jpeg(photo, quality=90))
    damaged[-200:-190] = bytes(10)
    yield "damaged.jpg", bytes(damaged)


def pngs():
    photo, small = scene(53, 38), scene(23, 19)
    shade = grey(photo)[:, :, None]
    alpha = grey(noise(53, 38, 3, 5))[:, :, None]
    deep = photo.astype(np.uint16) * 257 + noise(53, 38, 3, 7)
    deep_alpha = np.dstack([deep, alpha.astype(np.uint16) * 200])
    deep_grey = deep[:, :, :1] // 128  # Pillow limits to 255: half of it must stay below
    for depth in (1, 2, 4, 8):
        yield f"grey-{depth}.png", png(shade >> (8 - depth), depth, 0)
    yield "grey-16.png", png(deep_grey, 16, 0)
    yield "grey-16-interlaced.png", png(deep_grey, 16, 0, interlaced=True)
    yield "grey-1-interlaced.png", png(shade >> 7, 1, 0, interlaced=True)
    yield "grey-transparent.png", png(shade, 8, 0, before=[(b"tRNS", b"\0\x40")])
    yield "grey-alpha-8.png", png(np.dstack([shade, alpha]), 8, 4)
    yield "grey-alpha-16.png", png(np.dstack([deep[:, :, :1], deep_alpha[:, :, 3:]]), 16, 4)
    yield "rgb-16.png", png(deep, 16, 2)
    yield "rgb-transparent.png", png(photo, 8, 2, before=[(b"tRNS", bytes([0, 230, 0, 40, 0, 60]))])
    yield "rgb-interlaced.png", png(photo, 8, 2, interlaced=True)
    yield "rgb-gamma.png", png(photo, 8, 2, before=[(b"gAMA", (100000).to_bytes(4, "big"))], pieces=7)
    yield "rgba-16-interlaced.png", png(deep_alpha, 16, 6, interlaced=True)
    colours = noise(256, 1, 3, 3).tobytes()
    for depth in (1, 2, 4, 8):
        yield f"palette-{depth}.png", png(shade >> (8 - depth), depth, 3,
                                          before=[(b"PLTE", colours[: 3 << depth])])
    before = [(b"PLTE", colours[:48]), (b"tRNS", bytes(range(0, 160, 20)))]
    yield "palette-transparent.png", png(shade >> 4, 4, 3, interlaced=True, before=before)
    yield "palette-short.png", png(shade >> 4, 4, 3, before=[(b"PLTE", colours[:30])])
    for mode in ("RGB", "RGBA", "LA", "L", "P"):
        picture = Image.fromarray(np.dstack([photo, alpha]), "RGBA")
        file = io.BytesIO()
        picture.convert(mode).save(file, "PNG", optimize=True)
        yield f"pillow-{mode.lower()}.png", file.getvalue()
    yield "portrait.png", png(scene(41, 133), 8, 2)
    yield "one.png", png(small[:1, :1], 8, 2)
    yield "one-bit.png", png(np.ones((1, 1, 1), np.uint8), 1, 0, interlaced=True)
    yield "wide.png", png(scene(300, 1), 8, 2)
    yield "tall.png", png(scene(1, 300), 8, 2, interlaced=True)
    yield "orientation-6.png", png(small, 8, 2, before=[(b"eXIf", exif(6))])
    yield "orientation-late.png", png(small, 8, 2, after=[(b"eXIf", exif(3, little=False))])
    packet = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP % 5
    yield "orientation-xmp.png", png(small, 8, 2, before=[(b"iTXt", packet)])


def large():
    """24 million pixels in little space."""
    y, x = np.mgrid[0:4000, 0:6000]
    picture = np.stack([x * 255 // 5999, y * 255 // 3999, (x // 300 + y // 300) % 2 * 200], axis=-1)
    yield "large.jpg", jpeg(picture.astype(np.uint8), quality=30, progressive=True, optimize=True)
    stripes = ((x // 100 + y // 170) % 16).astype(np.uint8)[:, :, None]
    yield "large.png", png(stripes, 4, 3, before=[(b"PLTE", noise(16, 1).tobytes())])


PRESETS = [
    ("imageNet", 256, 224, "bilinear", 13), ("small", 32, 28, "bilinear", 1),
    ("padded", 27, 34, "bicubic", 1), ("nearest", 45, 40, "nearest", 1), ("odd", 101, 64, "bicubic", 3),
]
SIZES = [
    ((61, 43), (32, 20)), ((61, 43), (100, 99)), ((61, 43), (61, 20)), ((61, 43), (20, 43)),
    ((5, 3), (64, 64)), ((640, 480), (341, 256)), ((300, 500), (7, 9)), ((1, 1), (9, 5)),
    ((257, 1), (3, 40)), ((97, 131), (96, 130)), ((46, 281), (4, 24)), ((100, 200), (50, 99)),
    ((100, 200), (50, 100)), ((100, 400), (120, 300)), ((200, 399), (50, 40)),
]


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def pixels(picture):
    return np.ascontiguousarray(np.asarray(picture.convert("RGB")))


def main():
    warnings.simplefilter("ignore")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    bytes_, floats = bytearray(), bytearray()
    index = {"pillow": PIL.__version__, "torchvision": torchvision.__version__.split("+")[0],
             "torch": torch.__version__.split("+")[0], "presets": [], "pictures": [], "resizes": []}
    for name, resize, crop, mode, step in PRESETS:
        index["presets"].append({"name": name, "resize": resize, "crop": crop, "mode": mode, "step": step})
    for number, (name, data) in enumerate([*jpegs(), *pngs(), *large()]):
        (FOLDER / name).write_bytes(data)
        plain = Image.open(io.BytesIO(data))
        plain.load()
        upright = ImageOps.exif_transpose(plain)
        step = 1 if plain.width * plain.height < 10000 else 97
        stored = pixels(upright)[::step, ::step]
        entry = {"file": name, "size": list(upright.size), "plain": list(plain.size), "step": step,
                 "offset": len(bytes_), "tensors": {}}
        bytes_ += stored.tobytes()
        for position, (preset, resize, crop, mode, sparse) in enumerate(PRESETS):
            if step == 1 and position > 0 and (number + position) % 3:
                continue  # every preset on a third of the pictures
            if min(plain.size) == 1 and max(plain.size) > 1 and mode != "bilinear":
                continue
            run = ImageClassification(crop_size=crop, resize_size=resize, interpolation=MODES[mode])
            tensor = run(upright.convert("RGB"))[:, ::sparse, ::sparse].contiguous()
            entry["tensors"][preset] = {"shape": list(tensor.shape), "offset": len(floats)}
            floats += tensor.numpy().astype("<f4").tobytes()
        index["pictures"].append(entry)
    for (width, height), (new_width, new_height) in SIZES:
        source = Image.fromarray(noise(width, height, 3, width))
        for mode in MODES:
            result = F.resize(source, [new_height, new_width], interpolation=MODES[mode])
            index["resizes"].append({"from": [width, height], "to": [new_width, new_height], "mode": mode,
                                     "hash": fnv(pixels(result).tobytes())})
    big = Image.fromarray(noise(6000, 4000, 3, 6000))
    for mode in MODES:
        cut = F.center_crop(F.resize(big, [256], interpolation=MODES[mode]), [224])
        index["resizes"].append({"from": [6000, 4000], "to": [384, 256], "crop": 224, "mode": mode,
                                 "hash": fnv(pixels(cut).tobytes())})
    (FOLDER / "pixels.bin").write_bytes(bytes_)
    (FOLDER / "tensors.bin").write_bytes(floats)
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1) + "\n")


main()
