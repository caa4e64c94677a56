"""Draws the pictures that `images_make.py` saves, and writes the files that Pillow cannot write."""

import ctypes
import ctypes.util
import io
import struct
import zlib

import numpy as np
from PIL import Image

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def noise(width, height, channels=3, seed=1):
    """Bytes by a formula that the tests repeat: no two neighbours have anything in common."""
    h = np.arange(width * height * channels, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    return (h >> np.uint32(24)).astype(np.uint8).reshape(height, width, channels)


def scene(width, height, seed=1):
    """A gradient with a disc, a bar and some noise: what a photograph has, and nothing symmetric."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    picture = np.stack([255 * u, 255 * v, 255 * (1 - u) * (1 - v)], axis=-1)
    picture[(u - 0.3) ** 2 + (v - 0.4) ** 2 < 0.04] = [230, 40, 60]
    picture[(u > 0.6) & (u < 0.75) & (v > 0.5)] = [20, 90, 200]
    picture += noise(width, height, 3, seed).astype(np.float64) / 16 - 8
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def grey(picture):
    return (picture.astype(np.uint32).sum(axis=-1) // 3).astype(np.uint8)


def chunk(kind, payload):
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def rows(samples, depth):
    """Rows of samples of shape [height, width, channels], packed, each behind a filter of 0."""
    height, width = samples.shape[:2]
    flat = samples.reshape(height, -1)
    if depth == 16:
        packed = flat.astype(">u2").view(np.uint8).reshape(height, -1)
    else:
        bits = (flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def png(samples, depth, colour, interlaced=False, before=(), after=(), pieces=1):
    """A PNG of samples of shape [height, width, channels]; `before` and `after` surround the pixels."""
    height, width = samples.shape[:2]
    if interlaced:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        raw = b"".join(rows(p, depth) for p in passes if p.size)
    else:
        raw = rows(samples, depth)
    data = zlib.compress(raw, 9)
    size = -(-len(data) // pieces)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    body = [data[i : i + size] for i in range(0, len(data), size)]
    parts = [chunk(b"IHDR", head)] + [chunk(*c) for c in before]
    parts += [chunk(b"IDAT", part) for part in body] + [chunk(*c) for c in after] + [chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg(picture, **options):
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, "JPEG", **options)
    return file.getvalue()


def turbo(picture, pixel_format, subsampling, quality=90):
    """A JPEG by TurboJPEG, which writes YCCK and subsamplings that Pillow does not."""
    library = ctypes.CDLL(ctypes.util.find_library("turbojpeg") or "libturbojpeg.so.0")
    library.tjInitCompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.tjInitCompress())
    target, size = ctypes.c_void_p(), ctypes.c_ulong()
    height, width, channels = picture.shape
    status = library.tjCompress2(
        handle, picture.tobytes(), width, width * channels, height, pixel_format, ctypes.byref(target),
        ctypes.byref(size), subsampling, quality, 0)
    assert status == 0
    data = ctypes.string_at(target, size.value)
    library.tjFree(target)
    library.tjDestroy(handle)
    return data


def segments(data):
    """The segments of a baseline JPEG before its scan, and the coded pixels."""
    result, position = {}, 2
    while True:
        code, length = data[position + 1], struct.unpack(">H", data[position + 2 : position + 4])[0]
        whole = data[position : position + 2 + length]
        result[code] = result.get(code, b"") + whole
        position += len(whole)
        if code == 0xDA:
            return result, data[position:-2]


def stitched(planes, factors, width, height):
    """A JPEG whose components come from grey ones, a scan each: any sampling factors can be had."""
    parts = [segments(jpeg(plane, quality=90)) for plane in planes]
    tables = parts[0][0]
    frame = struct.pack(">BBHBHHB", 0xFF, 0xC0, 8 + 3 * len(planes), 8, height, width, len(planes))
    for index, (h, v) in enumerate(factors):
        frame += bytes([index + 1, h << 4 | v, 0])
    scans = b""
    for index, (_, coded) in enumerate(parts):
        scans += b"\xff\xda\x00\x08\x01" + bytes([index + 1, 0]) + b"\x00\x3f\x00" + coded
    return b"\xff\xd8" + tables[0xE0] + tables[0xDB] + frame + tables[0xC4] + scans + b"\xff\xd9"


def exif(orientation, little=True, kind=3):
    """An EXIF block with a tag before and one behind the orientation."""
    o = "<" if little else ">"
    value = struct.pack(o + "HH", orientation, 0) if kind == 3 else struct.pack(o + "I", orientation)
    entries = [
        struct.pack(o + "HHI", 256, 4, 1) + struct.pack(o + "I", 99),
        struct.pack(o + "HHI", 274, kind, 1) + value,
        struct.pack(o + "HHI", 296, 3, 1) + struct.pack(o + "HH", 2, 0),
    ]
    head = (b"II*\0" if little else b"MM\0*") + struct.pack(o + "I", 8)
    return head + struct.pack(o + "H", len(entries)) + b"".join(entries) + struct.pack(o + "I", 0)


def with_segment(data, code, payload):
    """A JPEG with one more segment behind the first."""
    first = 4 + struct.unpack(">H", data[4:6])[0]
    return data[:first] + bytes([0xFF, code]) + struct.pack(">H", len(payload) + 2) + payload + data[first:]
