"""The camera: perspective, blur, noise, sharpening, and the file with its orientation."""

import math
import struct
import zlib

import numpy as np
from PIL import Image

from handwriting import blurred

# How pixels are stored for each EXIF orientation, so that a viewer who honours it shows them upright.
STORED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}


class View:
    """From mm on the sheet to pixels of the picture."""

    def __init__(self, width, height, per_mm, middle, tilt, lean):
        self.size = (width, height)
        shift = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
        c, s = per_mm * math.cos(tilt), per_mm * math.sin(tilt)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        flee = np.array([[1, 0, 0], [0, 1, 0], [lean[0] / max(self.size), lean[1] / max(self.size), 1]])
        centre = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
        self.matrix = centre @ flee @ turn @ shift
        self.inverse = np.linalg.inv(self.matrix)

    def seen(self):
        """The part of the sheet (mm) that is in the picture: left, top, right, bottom."""
        w, h = self.size
        corners = self.inverse @ np.array([[0, w, 0, w], [0, 0, h, h], [1, 1, 1, 1]])
        x, y = corners[:2] / corners[2]
        return x.min(), y.min(), x.max(), y.max()

    def at(self, x, y):
        p = self.matrix @ np.array([x, y, 1])
        return p[0] / p[2], p[1] / p[2]

    def coefficients(self, x0, y0, per_mm, left=0, top=0):
        """For Pillow: from pixels of the picture (from left, top on) to pixels of a flat raster."""
        shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
        raster = np.array([[per_mm, 0, -x0 * per_mm], [0, per_mm, -y0 * per_mm], [0, 0, 1]])
        m = raster @ self.inverse @ shift
        return tuple((m / m[2, 2]).ravel()[:8])

    def warp(self, flat, x0, y0, per_mm, box=None):
        left, top, w, h = box or (0, 0, *self.size)
        data = self.coefficients(x0, y0, per_mm, left, top)
        planes = [flat] if flat.ndim == 2 else [np.ascontiguousarray(flat[..., i]) for i in range(3)]
        warped = [np.asarray(Image.fromarray(p).transform((w, h), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR))
                  for p in planes]
        return warped[0] if flat.ndim == 2 else np.stack(warped, -1)


def exposed(rng, scene, look):
    """From linear light to 8 bits: blur, white balance, noise, sharpening, gamma."""
    if look["motion"] > 0.5:
        angle = rng.uniform(0, math.pi)
        steps = max(3, math.ceil(look["motion"] * 2) | 1)
        total = np.zeros_like(scene)
        for t in np.linspace(-0.5, 0.5, steps) * look["motion"]:
            dx, dy = t * math.cos(angle), t * math.sin(angle)
            total += moved(scene, dx, dy)
        scene = total / steps
    scene = blurred(scene, look["blur"])
    scene = scene * np.asarray(look["balance"], np.float32) * look["exposure"]
    grains = rng.normal(0, 1, scene.shape[:2]).astype(np.float32)[..., None] + 0.5 * rng.normal(0, 1, scene.shape).astype(np.float32)
    grains = blurred(grains, look["grain"]) * (1 + 1.6 * look["grain"])
    scene = scene + look["noise"] * grains * np.sqrt(np.clip(scene, 0.0005, None))
    picture = np.clip(scene, 0, 1) ** (1 / 2.2)
    if look["gain"] != 1:  # what a phone does with a dark picture
        picture = picture * look["gain"]
    if look["sharpen"]:
        picture = picture + look["sharpen"] * (picture - blurred(picture, look["halo"]))
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def moved(image, dx, dy):
    x, y = math.floor(dx), math.floor(dy)
    fx, fy = dx - x, dy - y
    return sum(weight * np.roll(image, (y + b, x + a), (0, 1)) for a, b, weight in (
        (0, 0, (1 - fx) * (1 - fy)), (1, 0, fx * (1 - fy)), (0, 1, (1 - fx) * fy), (1, 1, fx * fy)) if weight).astype(np.float32)


def deep_png(path, picture):
    """A PNG of 16 bits a channel, which Pillow does not write in colour."""
    values = (picture.astype(np.uint16) * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    head = struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 16, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")):
            file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def save(path, picture, kind, quality, orientation):
    """Writes a file; formats without EXIF are stored upright."""
    image = Image.fromarray(picture)
    options = {}
    if kind in ("jpg", "webp", "tiff", "png") and orientation != 1:
        if STORED[orientation] is not None:
            image = image.transpose(STORED[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    if kind == "jpg":
        image.save(path, quality=quality, **options)
    elif kind == "webp":
        image.save(path, quality=quality, **options)
    elif kind == "png16":
        deep_png(path, picture)
    elif kind == "palette":
        image.quantize(64).save(path)
    elif kind == "gif":
        image.quantize(128).save(path)
    elif kind == "tiff":
        image.save(path, compression="tiff_lzw", **options)
    elif kind == "mono":
        image.convert("L").save(path, quality=quality)
    else:
        image.save(path, **options)


def suffix(kind):
    return {"png16": "png", "palette": "png", "mono": "jpg"}.get(kind, kind)
