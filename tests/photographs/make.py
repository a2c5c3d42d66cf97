"""Renders photographs of handwritten digits as telephones take them, and says what is on them.

    python tests/photographs/make.py forty tests/photographs --mnist data/mnist
    python tests/photographs/make.py blind target/photographs --mnist data/mnist --count 200 --seed 1

Writes NAME/<class>/<file>, NAME.csv (file, label, count, boxes in the upright picture, what it shows) and NAME.png (each character
as MNIST's rule places it, in the order of the boxes). Needs NumPy and Pillow. Every file follows from the seed and its own number.
"""

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from PIL import Image

from camera import View, exposed, save, suffix
from forty import FORTY
from handwriting import Writer, mnist
from scene import LINES, PAPERS, PENS, TABLES, Flat, lit, thumb

KINDS = ("jpg", "png", "palette", "webp", "png16", "bmp", "tiff", "gif", "mono")
WARMTH = {"warm": (1.0, 0.82, 0.55), "cold": (0.78, 0.92, 1.08), "greenish": (0.86, 1.0, 0.82)}


def layout(rng, count, height):
    """Rows of characters: (x, baseline) of each in mm about (0, 0), for widths of about 0.7 heights, and the block's size."""
    rows = 1 if count < 4 else int(rng.integers(1 if count < 6 else 2, 4))
    split = np.array_split(np.arange(count), rows)
    places, y = [], 0.0
    for row in split:
        x, first = 0.0, rng.uniform(0, 0.5) * height if rows > 1 else 0.0
        line = []
        for _ in row:
            line.append((x + first, y + rng.normal(0, 0.06) * height))
            x += height * (0.75 + rng.choice([0.3, 0.5, 0.9], p=[0.3, 0.5, 0.2]) + abs(rng.normal(0, 0.12)))
        places += line
        y += height * rng.uniform(1.55, 2.0)
    xs, ys = np.array(places).T
    width, tall = xs.max() + 0.75 * height, ys.max() - ys.min() + height
    return [(a - width / 2, b - ys.min() - tall / 2 + height) for a, b in places], (width, tall)


def placed(coverage):
    """MNIST's rule: into a box of 20, anti-aliased, the centre of mass in the middle of 28."""
    h, w = coverage.shape
    scale = 20 / max(h, w)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = np.clip(np.asarray(Image.fromarray(coverage.astype(np.float32)).resize(size, Image.BICUBIC)), 0, 1)
    y, x = np.mgrid[0:size[1], 0:size[0]]
    total = max(small.sum(), 1e-6)
    left = min(max(round(14 - 0.5 - (small * x).sum() / total), 0), 28 - size[0])
    top = min(max(round(14 - 0.5 - (small * y).sum() / total), 0), 28 - size[1])
    out = np.zeros((28, 28), np.float32)
    out[top:top + size[1], left:left + size[0]] = small
    return out


def photograph(rng, digit, words, size, digits):
    """A picture (height, width, 3) of 8 bits, the boxes of its characters, and each placed by MNIST's rule."""
    words = list(words)
    has = lambda *names: next((name for name in names if name in words), None)
    pen, paper = has(*PENS), has(*PAPERS)
    count = next((int(word[1:]) for word in words if word[0] == "x" and word[1:].isdigit()), 1)
    lines = has("ruled", "squared")
    _, _, widths, heights, _ = PENS[pen]
    tall = rng.uniform(*heights)
    pitch = 5.0 if lines == "squared" else rng.uniform(7, 9)
    if lines:
        tall = max(tall, 0.7 * pitch)
    nib = rng.uniform(*widths) * (1 if tall < 1.5 * heights[0] else 1.15)
    source = has("pen", "strokes", "shapes") or rng.choice(["pen", "strokes"])
    if pen in ("felt-black", "felt-blue", "marker", "chalk", "marker-blue") and source != "pen" and tall < 14 * nib:
        source = "shapes"
    writer = Writer(rng, source, digits)
    places, block = layout(rng, count, tall)
    if lines == "ruled":
        places = [(x, round(y / pitch) * pitch - rng.uniform(0, 0.08) * pitch) for x, y in places]
    fill = rng.uniform(0.55, 0.9) if count > 1 else rng.uniform(0.62, 0.85) if has("large") else rng.uniform(
        0.07, 0.14) if has("small") else rng.uniform(0.2, 0.5)
    per_mm = fill * min(size[0] / block[0], size[1] / block[1])
    per_mm = max(per_mm, 30 / tall if count == 1 else 24 / tall)
    tilt = math.radians(rng.uniform(5, 12) * rng.choice([-1, 1]) if has("tilt") else rng.normal(0, 1.5))
    lean = rng.uniform(0.12, 0.34, 2) * rng.choice([-1, 1], 2) if has("lean") else rng.normal(0, 0.02, 2)
    room = [max(0.0, 0.5 - 0.6 * b * per_mm / s) for b, s in zip(block, size)]
    shift = [rng.uniform(-1, 1) * r * (0.95 if has("corner") else 0.3) for r in room]

    for _ in range(12):
        view = View(*size, per_mm, (-shift[0] * size[0] / per_mm, -shift[1] * size[1] / per_mm), tilt, lean)
        x0, y0, x1, y1 = view.seen()
        fine = per_mm * 1.15
        flat = Flat(rng, x0 - 2, y0 - 2, x1 - x0 + 4, y1 - y0 + 4, fine)
        glyphs = []
        for x, y in places:
            glyph = writer.glyph(digit, tall * rng.normal(1, 0.06) * fine, max(nib, 1.5 / per_mm) * fine,
                                 0.3 if pen.startswith("ball") or "pencil" in pen else 0.15)
            glyphs.append((glyph, x, y - glyph.shape[0] / fine))
        spread(glyphs, fine, tall)
        corners = [view.at(x + a * g.shape[1] / fine, y + b * g.shape[0] / fine) for g, x, y in glyphs for a in (0, 1) for b in (0, 1)]
        edge = 0.02 * min(size)
        if all(edge < x < size[0] - edge and edge < y < size[1] - edge for x, y in corners):
            break
        per_mm, shift = per_mm * 0.93, [0.8 * s for s in shift]
    left, top = (min(v) for v in zip(*((x, y) for _, x, y in glyphs)))
    right, bottom = (max(v) for v in zip(*((x + g.shape[1] / fine, y + g.shape[0] / fine) for g, x, y in glyphs)))

    flat.paper(paper)
    if has("through"):
        flat.through(rng.uniform(0.05, 0.14))
    if lines:
        flat.print_lines(lines, has(*LINES) or "blue", pitch, 0.0 if lines == "ruled" else rng.uniform(0, 5))
    if has("margin"):
        flat.line(flat.x - (left - rng.uniform(0.25, 0.8) * tall - 1), 0.35, (214, 92, 100), 0.9)
    if has("crumple"):
        flat.crumple(rng.uniform(0.6, 1.5))
    if has("fold"):
        flat.fold(rng.random() < 0.5)
    boxes, truths = [], []
    for glyph, x, y in glyphs:
        at = flat.write(glyph, x, y, pen)
        box, truth = seen(view, glyph, at[0] / fine + flat.x0, at[1] / fine + flat.y0, fine)
        boxes.append(box)
        truths.append(placed(truth))
    if has("holes"):
        flat.holes(max(left - 0.8 * tall - 4, x0 + 4), [rng.uniform(y0 + 5, y1 - 5)], rng.choice(list(TABLES)))
    if has("edge", "table"):
        far = [left - x0, top - y0, x1 - right, y1 - bottom]  # where the paper ends, of the way from the ink to the frame
        open_sides = rng.permutation(4)[:1 if has("edge") else int(rng.integers(2, 5))]
        ends = [(0.25 * tall + 1 + rng.uniform(0.15, 0.7) * max(f - 0.25 * tall, 1)) if i in open_sides else 1e4
                for i, f in enumerate(far)]
        flat.table(rng.choice(list(TABLES)), left - ends[0], top - ends[1], right + ends[2], bottom + ends[3], math.radians(rng.normal(0, 0.7)))

    scene = view.warp(flat.rgb, flat.x0, flat.y0, fine)
    if has("thumb"):
        scene = thumb(rng, scene, boxes)
    light = {"gradient": rng.uniform(0.7, 1.15) if has("gradient") else rng.uniform(0.05, 0.3),
             "lamp": rng.uniform(0.6, 1.2) if has("lamp") else 0, "vignette": rng.uniform(0.35, 0.6) if has("vignette") else 0.1,
             "shadows": 2 if has("shadows") else 1 if has("shadow") else 0, "shadow": rng.uniform(0.4, 0.66),
             "edge": rng.uniform(0.012, 0.06), "glare": rng.uniform(0.25, 0.5) if has("glare") else 0}
    field, gloss = lit(rng, scene.shape[:2], light)
    scene = scene * field[..., None] + gloss[..., None]
    dark = rng.uniform(0.1, 0.22) if has("dark") else rng.uniform(0.55, 0.95)
    small = max(size) / 1000
    look = {"motion": rng.uniform(2, 4.5) * max(1, 0.7 * small) if has("motion") else 0,
            "blur": (rng.uniform(1.0, 1.7) if has("blur") else rng.uniform(0.3, 0.6)) * max(0.8, 0.7 * small),
            "balance": np.array(WARMTH.get(has(*WARMTH), (1, 1, 1))) * rng.uniform(0.97, 1.03, 3), "exposure": dark,
            "noise": rng.uniform(0.025, 0.05) if has("noise") else rng.uniform(0.004, 0.012), "grain": rng.uniform(0.4, 0.9),
            "gain": rng.uniform(1.2, 1.7) if has("dark") else 1, "sharpen": rng.uniform(0.7, 1.6) if has("sharp") else rng.uniform(0, 0.3),
            "halo": rng.uniform(0.9, 2.0)}
    return exposed(rng, scene.astype(np.float32), look), boxes, truths


def spread(glyphs, fine, tall):
    """Moves characters of a row apart that stand closer than a fifth of their height."""
    for i in range(1, len(glyphs)):
        before, glyph = glyphs[i - 1], glyphs[i]
        if abs(before[2] - glyph[2]) < 0.8 * tall and glyph[1] > before[1]:
            least = before[1] + before[0].shape[1] / fine + 0.2 * tall
            glyphs[i] = (glyph[0], max(glyph[1], least), glyph[2])


def seen(view, glyph, x, y, fine):
    """A glyph's box (left, top, width, height) in the picture, and its coverage there."""
    h, w = glyph.shape
    corners = np.array([view.at(x + a * w / fine, y + b * h / fine) for a in (0, 1) for b in (0, 1)])
    low, high = np.floor(corners.min(0)).astype(int) - 2, np.ceil(corners.max(0)).astype(int) + 2
    wide = np.pad(glyph, 3)
    cover = view.warp(wide, x - 3 / fine, y - 3 / fine, fine, (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])))
    rows, columns = np.nonzero(cover.max(1) > 0.35)[0], np.nonzero(cover.max(0) > 0.35)[0]
    top, left = rows[0], columns[0]
    cover = cover[top:rows[-1] + 1, left:columns[-1] + 1]
    return (int(low[0] + left), int(low[1] + top), cover.shape[1], cover.shape[0]), cover


def some(rng, **chances):
    return [name.replace("_", "-") for name, chance in chances.items() if rng.random() < chance]


def anything(rng):
    """What a photograph shows, by chance."""
    scene = rng.choice(["paper", "board", "card"], p=[0.86, 0.1, 0.04])
    if scene == "board":
        paper = str(rng.choice(["whiteboard", "blackboard", "slate"]))
        words = [paper, str(rng.choice(["marker", "marker-blue"])) if paper == "whiteboard" else "chalk"] + some(rng, glare=0.3)
    elif scene == "card":
        words = ["black-card", "white-pencil"]
    else:
        paper = rng.choice(["white", "cream", "grey", "recycled", "yellow"], p=[0.5, 0.18, 0.12, 0.12, 0.08])
        words = [str(paper), str(rng.choice([p for p in PENS if p not in ("marker", "marker-blue", "chalk", "white-pencil")]))]
        if rng.random() < 0.55:
            words += [str(rng.choice(["ruled", "squared"])), str(rng.choice(list(LINES)))] + some(rng, margin=0.3, holes=0.15)
        words += some(rng, through=0.12, crumple=0.14, fold=0.08, edge=0.16, table=0.12, thumb=0.05)
    if rng.random() < 0.4:
        words.append(f"x{rng.integers(2, 13)}")
    else:
        words += some(rng, small=0.2, large=0.25, corner=0.3)
    words += some(rng, tilt=0.35, lean=0.3, gradient=0.3, shadow=0.22, shadows=0.06, lamp=0.14, vignette=0.2, dark=0.12, glare=0.03)
    words += some(rng, blur=0.15, motion=0.1, noise=0.2, sharp=0.25) + [str(rng.choice(["plain", *WARMTH], p=[0.6, 0.2, 0.12, 0.08]))]
    kind = rng.choice(KINDS,
                      p=[0.68, 0.08, 0.03, 0.06, 0.03, 0.02, 0.04, 0.02, 0.04])
    return words + [f"q{rng.integers(40, 91)}", f"o{rng.choice([1, 2, 3, 4, 5, 6, 7, 8], p=[0.5, 0.03, 0.1, 0.02, 0.02, 0.18, 0.02, 0.13])}", str(kind)]


def side(rng):
    longer = int(np.exp(rng.uniform(np.log(380), np.log(1200)))) if rng.random() < 0.97 else int(rng.integers(2000, 4001))
    shorter = max(300, int(longer / rng.choice([1, 1.25, 4 / 3, 1.5, 16 / 9, 2.4], p=[0.12, 0.1, 0.48, 0.1, 0.17, 0.03])))
    return (longer, shorter) if rng.random() < 0.45 else (shorter, longer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="forty, or any other name for pictures by chance")
    parser.add_argument("out", type=Path)
    parser.add_argument("--mnist", type=Path, default=Path("data/mnist"), help="folder of MNIST's test files")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, action="append", help="numbers to make alone, without lists")
    args = parser.parse_args()
    digits = mnist(args.mnist)
    rows, tiles = [], []
    for number in args.only or range(40 if args.name == "forty" else args.count):
        rng = np.random.default_rng([args.seed, number, 21])
        if args.name == "forty":
            digit, words = number // 4, FORTY[number].split()
            size = next((int(w), int(h)) for word in words for w, _, h in [word.partition("*")] if h)
        else:
            digit, words, size = int(rng.integers(10)), anything(rng), side(rng)
        picture, boxes, truths = photograph(rng, digit, words, size, digits)
        kind = next(word for word in words if word in KINDS)
        value = lambda letter, default: next((int(w[1:]) for w in words if w[0] == letter and w[1:].isdigit()), default)
        path = args.out / args.name / str(digit) / f"{number:03}.{suffix(kind)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, picture, kind, value("q", 70), value("o", 1))
        places = ";".join(" ".join(map(str, box)) for box in boxes)
        rows.append([f"{digit}/{path.name}", digit, len(boxes), places, " ".join(words)])
        tiles += truths
    if not args.only:
        with open(args.out / f"{args.name}.csv", "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["file", "label", "count", "boxes", "what"], *rows])
        across = 20
        tiles += [np.zeros((28, 28))] * (-len(tiles) % across)
        grid = np.concatenate([np.concatenate(tiles[i:i + across], 1) for i in range(0, len(tiles), across)])
        Image.fromarray((grid * 255 + 0.5).astype(np.uint8)).save(args.out / f"{args.name}.png", optimize=True)


if __name__ == "__main__":
    main()
