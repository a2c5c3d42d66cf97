"""Handwritten digits as pens draw them: strokes of an own hand, and MNIST's digits made into strokes or smooth shapes.

`Writer` is one person: all characters of a photograph share slant, width and habits. `Writer.glyph` returns coverage of ink (0 to
1) at any height.
"""

import gzip
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FINE = 4  # supersampling of strokes


def arc(cx, cy, rx, ry, begin, end):
    """Points of an ellipse, angles in degrees clockwise from the right."""
    count = max(8, int(abs(end - begin) / 10))
    angles = [math.radians(begin + (end - begin) * i / count) for i in range(count + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


# Ways of writing each digit, in a box of 28: strokes as points. Some have parts that do not touch.
SHAPES = {
    0: [[arc(14, 14, 5.6, 8.4, -70, 292)], [arc(14, 14, 4.6, 8.4, -110, 262)], [arc(14, 14, 6.6, 7.8, -60, 320)]],
    1: [[[(10, 9.5), (15, 5.5), (14.4, 22.5)]], [[(14.8, 5.5), (14, 22.6)]],
        [[(11, 9), (14.5, 5.6), (14.2, 22.5)], [(10.2, 22.6), (18, 22.3)]]],
    2: [[arc(13.8, 9.8, 4.6, 4.3, 190, 385) + [(9.2, 22), (19.6, 21.6)]],
        [arc(13.6, 10, 4.8, 4.6, 200, 400) + [(12, 19.6), (9, 21.6), (9.6, 19.6), (12.4, 20), (16, 22.2), (20, 21)]]],
    3: [[arc(13.4, 9.7, 4.4, 4.1, 200, 440) + arc(13.2, 17.6, 5.2, 4.7, -80, 150)],
        [[(9, 6), (18.6, 5.8), (13.2, 12.6)] + arc(13.2, 17.4, 5.4, 5, -80, 150)]],
    4: [[[(16.4, 22.8), (16.8, 5.4), (8.2, 17.2), (20.6, 16.8)]],
        [[(11.2, 5.8), (8.8, 15.4), (20.4, 14.8)], [(17.2, 9.4), (16.2, 23)]],
        [[(14.4, 5.2), (8, 16.6), (20.4, 16.2)], [(16, 12.2), (15.4, 23)]]],
    5: [[[(19, 6), (11.4, 6), (10.4, 13)] + arc(13.6, 17, 5, 5.1, -125, 140)],
        [[(11.2, 6.8), (10.4, 13)] + arc(13.4, 17.2, 5, 5.1, -125, 140), [(12, 6.4), (19.6, 5.6)]]],
    6: [[[(17.6, 5.4), (12.2, 9.4)] + arc(13.8, 17, 4.9, 5.4, 200, 560)], [[(15, 5), (10.6, 13)] + arc(13.6, 18, 4.2, 4.4, 190, 545)]],
    7: [[[(8.4, 6.4), (19.4, 6), (12.4, 22.8)], [(10.8, 14.6), (17.6, 14.2)]], [[(8.4, 6.2), (19.4, 6), (13, 15), (12, 22.8)]],
        [[(8.2, 8.6), (8.6, 6.2), (19.2, 6), (12.6, 22.8)]]],
    8: [[arc(14, 9.6, 4, 4.1, 90, 450) + arc(14, 18, 4.8, 4.4, -90, 270)],
        [[(17.8, 7.6), (14, 5.6), (10.4, 8.6), (12.4, 12.4), (17, 15.6), (18.2, 19.6), (14, 22.6), (9.8, 19.8), (11.4, 15.6),
          (16.4, 12), (17.8, 7.8)]]],
    9: [[arc(13.8, 10.4, 4.7, 4.9, -10, 350) + [(18.4, 9.8), (17.4, 16), (12.6, 22.8)]],
        [arc(13.6, 10.2, 4.4, 4.6, -20, 340) + [(17.8, 9.6), (17.4, 22.8)]],
        [arc(13.6, 10.2, 4.6, 4.8, -30, 340) + [(18, 11), (17.6, 18), (14, 22.4), (10, 21)]]],
}


def mnist(folder):
    """MNIST's test digits as (images, labels)."""
    def read(name, head):
        for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
            if path.exists():
                data = path.read_bytes()
                return np.frombuffer(gzip.decompress(data) if path.suffix == ".gz" else data, np.uint8)[head:]
        raise FileNotFoundError(f"{folder} has no {name}")
    return read("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28), read("t10k-labels-idx1-ubyte", 8)


def grown(picture, factor):
    return np.asarray(Image.fromarray(picture.astype(np.float32)).resize(
        (picture.shape[1] * factor, picture.shape[0] * factor), Image.BICUBIC))


def thinned(shape):
    """Zhang and Suen's skeleton of a boolean array (doi:10.1145/357994.358023)."""
    image = np.pad(shape, 1).astype(np.uint8)
    while True:
        before = image.sum()
        for first in (True, False):
            p = [np.roll(image, shift, (0, 1)) for shift in
                 ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))]
            count = sum(p)
            turns = sum((p[i] == 0) & (p[(i + 1) % 8] == 1) for i in range(8))
            one, two = ((p[0] * p[2] * p[4], p[2] * p[4] * p[6]) if first else (p[0] * p[2] * p[6], p[0] * p[4] * p[6]))
            image = np.where((image == 1) & (count >= 2) & (count <= 6) & (turns == 1) & (one == 0) & (two == 0), 0, image)
        if image.sum() == before:
            return image[1:-1, 1:-1].astype(bool)


def traced(skeleton, spur):
    """The skeleton's paths as lists of points; short spurs are left out."""
    pixels = {(int(x), int(y)) for y, x in zip(*np.nonzero(skeleton))}

    def near(p):
        around = [(p[0] + dx, p[1] + dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        found = [q for q in around if q in pixels]
        for dx, dy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):  # diagonals count where no straight way leads there
            q = (p[0] + dx, p[1] + dy)
            if q in pixels and (p[0] + dx, p[1]) not in pixels and (p[0], p[1] + dy) not in pixels:
                found.append(q)
        return found
    degree = {p: len(near(p)) for p in pixels}
    used, paths = set(), []
    starts = sorted(p for p in pixels if degree[p] != 2) + sorted(pixels)
    for start in starts:
        for step in near(start):
            if frozenset((start, step)) in used:
                continue
            path = [start, step]
            used.add(frozenset((start, step)))
            while degree[path[-1]] == 2:
                onward = [q for q in near(path[-1]) if frozenset((path[-1], q)) not in used]
                if not onward:
                    break
                used.add(frozenset((path[-1], onward[0])))
                path.append(onward[0])
            paths.append(path)
    long = [p for p in paths if not (len(p) < spur and {degree[p[0]], degree[p[-1]]} & {1} and max(degree[p[0]], degree[p[-1]]) > 2)]
    return long or paths


def smooth(points, rounds):
    points = np.asarray(points, float)
    for _ in range(rounds):
        if len(points) > 3:
            points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    return points


def dense(points, step):
    """Points along a polyline, at equal distances."""
    points = np.asarray(points, float)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, lengths[-1], max(3, int(lengths[-1] / step)))
    return np.stack([np.interp(at, lengths, points[:, i]) for i in (0, 1)], axis=1)


class Writer:
    """A hand. `source` is "pen" (own strokes), "strokes" (MNIST's, traced) or "shapes" (MNIST's, smooth)."""

    def __init__(self, rng, source, digits=None):
        self.rng, self.source, self.digits = rng, source, digits
        self.lean, self.stretch, self.wave = rng.normal(0.08, 0.12), rng.normal(1, 0.1), rng.uniform(0.1, 0.55)
        self.habit = rng.random()

    def strokes(self, digit):
        """Strokes in a box whose height is about 17 of 28."""
        rng = self.rng
        if self.source == "strokes":
            field = grown(self.pick(digit), 4)
            paths = traced(thinned(field > 110), spur=9)
            return [smooth(p, 6) / 4 for p in paths if len(p) > 1]
        shapes = SHAPES[digit]
        lean, turn, wide = self.lean + rng.normal(0, 0.03), rng.normal(0, 0.04), self.stretch * rng.normal(1, 0.05)
        phase, size = rng.uniform(0, 6.3, 4), self.wave
        result = []
        for stroke in shapes[int(self.habit * len(shapes))]:
            points = dense([(x + rng.normal(0, 0.16), y + rng.normal(0, 0.16)) for x, y in stroke], 0.5)
            points = smooth(points, 5) - 14
            x, y = points.T
            x, y = x + size * np.sin(y / 3.1 + phase[0]), y + size * np.sin(x / 2.7 + phase[1])
            x, y = x + size * np.sin(y / 5.3 + phase[2]), y + 0.5 * size * np.sin(x / 4.1 + phase[3])
            x = wide * x - lean * y
            result.append(np.stack([x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)], 1))
        return result

    def pick(self, digit):
        images, labels = self.digits
        while True:  # one whose strokes are strong enough to hold together, so that a person reads it at once
            image = images[self.rng.choice(np.nonzero(labels == digit)[0])]
            if whole(image > 110):
                return image

    def glyph(self, digit, height, pen, uneven):
        """Coverage of a digit `height` pixels high, written with a pen `pen` pixels wide, cut to its box.

        `uneven` (0 to 0.5) is how much the pen's width changes.
        """
        rng = self.rng
        if self.source == "shapes":
            return self.shape(digit, height)
        strokes = self.strokes(digit)
        every = np.concatenate(strokes)
        low, high = every.min(0), every.max(0)
        scale = max(height - pen, 2) / max(high[1] - low[1], 8)
        scale = min(scale, 1.6 * height / max(high[0] - low[0], 1))
        margin = pen / 2 * (1 + uneven) + 1
        size = [math.ceil(v) for v in (high - low) * scale + 2 * margin]
        image = Image.new("L", (size[0] * FINE, size[1] * FINE))
        draw = ImageDraw.Draw(image)
        for stroke in strokes:
            points = dense((stroke - low) * scale + margin, max(1, pen / 3)) * FINE
            knots = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, 7), rng.normal(0, 0.6, 7))
            widths = pen * FINE * np.clip(1 + uneven * knots, 0.45, 1.5)
            for (a, b, w) in zip(points[:-1], points[1:], widths):
                draw.line([tuple(a), tuple(b)], fill=255, width=max(1, round(w)))
                draw.ellipse([*(b - w / 2), *(b + w / 2)], fill=255)
            a, w = points[0], widths[0]
            draw.ellipse([*(a - w / 2), *(a + w / 2)], fill=255)
        return cut(np.asarray(image.resize(size, Image.BOX), np.float32) / 255)

    def shape(self, digit, height):
        field = self.pick(digit)
        rows = np.nonzero(field.max(1) > 60)[0]
        side = max(28, round(28 * height / (rows[-1] - rows[0] + 1)))
        image = Image.fromarray(field.astype(np.float32))
        for middle in (56, 112):  # by doubling: the smooth field has no corners of pixels left
            image = image.resize((middle, middle), Image.BICUBIC)
            image = Image.fromarray(blurred(np.asarray(image), middle / 56))
        field = np.asarray(image.resize((side, side), Image.BICUBIC))
        sharp = max(1, side / 28) / 40
        return cut(np.clip((field - 92) * sharp / 3 + 0.5, 0, 1).astype(np.float32))


def blurred(image, sigma):
    """Gaussian blur of an array of numbers, the first two axes."""
    if sigma < 0.15:
        return image
    reach = max(1, math.ceil(2.6 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (reach, reach)
        wide = np.pad(image, pad, mode="edge")
        n = image.shape[axis]
        image = sum(np.float32(k) * (wide[i:i + n] if axis == 0 else wide[:, i:i + n]) for i, k in enumerate(kernel))
    return image


def whole(shape):
    """Whether a small boolean picture is one connected part."""
    picture = Image.fromarray(shape.astype(np.uint8)).copy()
    y, x = (int(v[0]) for v in np.nonzero(shape))
    ImageDraw.floodfill(picture, (x, y), 2)
    return not (np.asarray(picture) == 1).any()


def cut(coverage):
    rows, columns = np.nonzero(coverage.max(1) > 0.2)[0], np.nonzero(coverage.max(0) > 0.2)[0]
    return coverage[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
