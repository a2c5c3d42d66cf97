"""What lies before the camera: paper or a board with its print, ink on it, a table around it, and the light."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from handwriting import blurred


def linear(rgb):
    return (np.asarray(rgb, np.float32) / 255) ** 2.2


def noise(rng, shape, cells):
    """Smooth noise, mean 0, about 1 wide, `cells` bumps along the longer side."""
    longer = max(shape)
    small = [max(2, round(cells * n / longer)) for n in shape]
    return np.asarray(Image.fromarray(rng.normal(0, 1, small).astype(np.float32)).resize(shape[::-1], Image.BICUBIC))


# name: (ink's colour, opacity, width in mm, heights in mm, grain)
PENS = {
    "ballpoint-blue": ((28, 44, 140), 0.88, (0.45, 0.8), (5, 26), 0.16),
    "ballpoint-black": ((35, 33, 38), 0.9, (0.45, 0.8), (5, 26), 0.16),
    "pencil": ((70, 70, 74), 0.62, (0.5, 1.0), (6, 26), 0.55),
    "faint-pencil": ((80, 80, 84), 0.42, (0.5, 0.9), (6, 22), 0.55),
    "fineliner-red": ((190, 28, 36), 0.92, (0.5, 1.0), (6, 26), 0.05),
    "fineliner-green": ((20, 120, 60), 0.92, (0.5, 1.0), (6, 26), 0.05),
    "fountain-blue": ((30, 40, 110), 0.93, (0.7, 1.3), (6, 30), 0.1),
    "felt-black": ((22, 22, 24), 0.97, (1.4, 3.2), (12, 60), 0.03),
    "felt-blue": ((24, 50, 150), 0.95, (1.4, 3.2), (12, 60), 0.03),
    "marker": ((20, 22, 30), 0.93, (4, 7), (50, 150), 0.12),
    "marker-blue": ((24, 52, 160), 0.9, (4, 7), (50, 150), 0.12),
    "chalk": ((236, 234, 226), 0.86, (6, 11), (70, 190), 0.6),
    "white-pencil": ((238, 238, 240), 0.8, (0.8, 1.6), (10, 40), 0.4),
}
PAPERS = {
    "white": (240, 240, 238), "cream": (238, 229, 205), "grey": (188, 187, 183), "recycled": (206, 198, 182), "yellow": (244, 228, 130),
    "whiteboard": (236, 239, 242), "blackboard": (40, 62, 52), "slate": (44, 46, 50), "black-card": (30, 29, 31),
}
LINES = {"blue": (150, 182, 222), "pale": (176, 178, 182), "violet": (176, 160, 206), "strong-blue": (112, 150, 214)}
TABLES = {"oak": (150, 104, 62), "walnut": (74, 48, 34), "black": (26, 26, 28), "white": (226, 226, 224), "cloth": (92, 100, 118)}


class Flat:
    """The sheet seen straight from above: `per_mm` pixels a mm, from (x0, y0) mm on. Its colours are linear."""

    def __init__(self, rng, x0, y0, width, height, per_mm):
        self.rng, self.x0, self.y0, self.per_mm = rng, x0, y0, per_mm
        self.shape = (max(8, round(height * per_mm)), max(8, round(width * per_mm)))
        self.x = (np.arange(self.shape[1], dtype=np.float32) / per_mm + x0)[None, :]
        self.y = (np.arange(self.shape[0], dtype=np.float32) / per_mm + y0)[:, None]
        self.ink = np.zeros(self.shape, np.float32)

    def paint(self, coverage, colour, opacity=1.0):
        coverage = (coverage * opacity)[..., None].astype(np.float32)
        self.rgb += coverage * (linear(colour) - self.rgb)

    def line(self, distance, width, colour, opacity):
        """A printed line where `distance` (mm) is 0."""
        self.paint(np.broadcast_to(np.clip((width / 2 - np.abs(distance)) * self.per_mm + 0.5, 0, 1), self.shape) * opacity, colour)

    def paper(self, kind):
        self.rgb = np.tile(linear(PAPERS[kind]), (*self.shape, 1)).astype(np.float32)
        board = kind in ("blackboard", "slate", "whiteboard")
        grain = 0.05 if kind == "recycled" else 0.02
        texture = grain * noise(self.rng, self.shape, 400) + 0.02 * noise(self.rng, self.shape, 9)
        if kind in ("blackboard", "slate"):  # what a sponge leaves
            texture = texture + 0.3 * np.abs(noise(self.rng, self.shape, 5)) * (0.6 + 0.4 * noise(self.rng, (self.shape[0], 40), 40).mean(
                1, keepdims=True)) + 0.05 * noise(self.rng, self.shape, 160)
        self.rgb *= np.clip(1 + texture, 0.4, 2)[..., None]
        return board

    def print_lines(self, kind, colour, pitch, phase):
        colour, width = LINES[colour], 0.28 if kind == "ruled" else 0.22
        self.line((self.y - phase + pitch / 2) % pitch - pitch / 2, width, colour, 0.85)
        if kind == "squared":
            self.line((self.x - phase + pitch / 2) % pitch - pitch / 2, width, colour, 0.85)

    def through(self, strength):
        """Text printed on the other side: mirrored, blurred, faint."""
        image = Image.new("L", self.shape[::-1])
        draw = ImageDraw.Draw(image)
        size = max(6, round(3.4 * self.per_mm))
        font = ImageFont.load_default(size)
        for row in range(0, self.shape[0], round(size * 1.5)):
            words = ["".join(self.rng.choice(list("etaoinshrdlucmfwyp"), self.rng.integers(2, 9))) for _ in range(self.shape[1] // size)]
            draw.text((0, row), " ".join(words), font=font, fill=255)
        text = np.asarray(image, np.float32)[:, ::-1] / 255
        self.paint(blurred(text, 0.25 * self.per_mm), (60, 60, 64), strength)

    def write(self, glyph, x, y, pen):
        """Puts a glyph's coverage with its top left at (x, y) mm; returns its place in pixels."""
        colour, opacity, _, _, grain = PENS[pen]
        left, top = round((x - self.x0) * self.per_mm), round((y - self.y0) * self.per_mm)
        h, w = glyph.shape
        rough = np.ones((h, w), np.float32)
        if grain:
            fine = noise(self.rng, (h, w), max(h, w) / max(1.0, 0.12 * self.per_mm * (8 if pen == "chalk" else 1)))
            rough = np.clip(1 - grain * np.clip(fine + 0.25, 0, 1.6) + 0.15 * grain * noise(self.rng, (h, w), 6), 0, 1)
        part = (slice(max(0, top), top + h), slice(max(0, left), left + w))
        room = self.ink[part].shape
        piece = (glyph * rough)[max(0, -top):, max(0, -left):][:room[0], :room[1]] * opacity
        self.rgb[part] += piece[..., None] * (linear(colour) - self.rgb[part])
        self.ink[part] = np.maximum(self.ink[part], glyph[max(0, -top):, max(0, -left):][:room[0], :room[1]])
        return left, top

    def crumple(self, amount):
        """Folds: planes of slightly different light that meet in sharp lines."""
        total = np.zeros(self.shape, np.float32)
        size = max(self.shape) / self.per_mm
        for _ in range(int(10 + 20 * amount)):
            angle, offset = self.rng.uniform(0, math.pi), self.rng.uniform(-0.5, 0.5) * size
            distance = (self.x - self.x0 - size / 2) * math.cos(angle) + (self.y - self.y0 - size / 2) * math.sin(angle) - offset
            reach = size * self.rng.uniform(0.05, 0.25)
            total += self.rng.normal(0, 1) * np.sign(distance) * np.exp(-np.abs(distance) / reach)
        self.rgb *= np.exp(0.07 * amount * total + 0.04 * amount * noise(self.rng, self.shape, 14))[..., None]

    def fold(self, upright):
        distance = (self.x if upright else self.y) - self.rng.normal(0, 12)
        lit = 1 + self.rng.choice([-0.09, 0.09]) * np.sign(distance) * np.exp(-np.abs(distance) / 40)
        lit = lit - 0.13 * np.exp(-(distance / 0.35) ** 2) + 0.08 * np.exp(-((distance - 0.7) / 0.5) ** 2)
        self.rgb *= np.broadcast_to(lit, self.shape)[..., None]

    def table(self, kind, left, top, right, bottom, turn):
        """Everything outside a rectangle (mm) becomes a table, on which the paper throws a shadow."""
        x = self.x * math.cos(turn) + self.y * math.sin(turn)
        y = self.y * math.cos(turn) - self.x * math.sin(turn)
        inside = np.minimum(np.minimum(x - left, right - x), np.minimum(y - top, bottom - y))
        wood = 0.16 * noise(self.rng, (self.shape[0], max(2, self.shape[1] // 12)), 60)
        wood = np.asarray(Image.fromarray(wood.astype(np.float32)).resize(self.shape[::-1], Image.BICUBIC))
        if kind in ("black", "white"):
            wood = 0.1 * wood
        if kind == "cloth":
            wood = 0.12 * noise(self.rng, self.shape, 300)
        shade = 1 - 0.5 * np.exp(-np.clip(-inside, 0, None) / 1.8)
        under = linear(TABLES[kind]) * (np.clip(1 + wood, 0.2, 2) * shade)[..., None]
        mask = np.clip(inside * self.per_mm + 0.5, 0, 1)[..., None]
        self.rgb = (under + mask * (self.rgb - under)).astype(np.float32)

    def holes(self, x, heights, colour):
        for y in heights:
            distance = np.hypot(self.x - x, self.y - y)
            self.paint(np.clip((2.75 - distance) * self.per_mm + 0.5, 0, 1), TABLES[colour])
            self.rgb *= (1 - 0.25 * np.exp(-np.clip(distance - 2.75, 0, None) / 0.25) * (distance > 2.7))[..., None]


def thumb(rng, scene, boxes):
    """A finger at the frame's edge that holds the paper, away from the characters."""
    h, w = scene.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    for _ in range(20):
        at = (rng.choice([0, w]), rng.uniform(0.1, 0.9) * h) if rng.random() < 0.6 else (rng.uniform(0.1, 0.9) * w, h)
        size = rng.uniform(0.1, 0.16) * min(h, w)
        if all(math.hypot(bx + bw / 2 - at[0], by + bh / 2 - at[1]) > 2.4 * size + max(bw, bh) / 2 for bx, by, bw, bh in boxes):
            break
    else:
        return scene
    along, across = (2.0 * size, 0.75 * size) if at[1] < h else (0.75 * size, 2.0 * size)
    inside = 1 - np.hypot((x - at[0]) / along, (y - at[1]) / across)
    skin = linear((206, 150, 122)) * (0.55 + 0.6 * np.clip(inside, 0, 1))[..., None] * (1 + 0.03 * noise(rng, (h, w), 60)[..., None])
    shade = 1 - 0.45 * np.exp(-np.clip(-inside, 0, None) * 6)
    mask = np.clip(inside * size / 2 + 0.5, 0, 1)[..., None]
    return scene * shade[..., None] * (1 - mask) + skin * mask


def lit(rng, shape, light):
    """The light on each pixel of a picture (linear, 1 is full), and a gloss to add."""
    h, w = shape
    small = (max(24, round(160 * h / max(h, w))), max(24, round(160 * w / max(h, w))))
    y, x = np.mgrid[0:small[0], 0:small[1]].astype(np.float32)
    y, x = (y - small[0] / 2) / 80, (x - small[1] / 2) / 80  # -1 to 1 along the longer side
    angle = rng.uniform(0, 2 * math.pi)
    slope = x * math.cos(angle) + y * math.sin(angle)
    field = np.exp(light["gradient"] * slope / 1.2)
    field *= 1 + 0.06 * noise(rng, small, 3)
    if light["lamp"]:
        cx, cy = rng.uniform(-0.7, 0.7, 2)
        field *= 0.55 + light["lamp"] * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.6)
    field *= 1 - light["vignette"] * np.clip((x ** 2 + y ** 2) / 1.4, 0, 1.2)
    for _ in range(light["shadows"]):
        angle = rng.uniform(0, 2 * math.pi)
        along = x * math.cos(angle) + y * math.sin(angle) - rng.uniform(-0.3, 0.45)
        across = y * math.cos(angle) - x * math.sin(angle)
        bumps = 0.13 * np.sin(across * rng.uniform(3, 7) + rng.uniform(0, 6)) + 0.02 * np.sin(across * 15 + rng.uniform(0, 6))
        field *= 1 - light["shadow"] * (0.5 + 0.5 * np.tanh((along - bumps) / light["edge"] / 2))
    gloss = np.zeros(small, np.float32)
    if light["glare"]:
        cx, cy = rng.uniform(-0.8, 0.8, 2)
        gloss = light["glare"] * np.exp(-(((x - cx) / 0.25) ** 2 + ((y - cy) / 0.16) ** 2))
    field, gloss = (np.asarray(Image.fromarray(v.astype(np.float32)).resize((w, h), Image.BICUBIC)) for v in (field, gloss))
    return field / np.percentile(field, 90), gloss
