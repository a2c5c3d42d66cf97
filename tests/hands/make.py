"""Five hands, each 20 drawings to learn from and 20 held out (two of each digit), to try `trainer lora` and the page's teaching on.

    python tests/hands/make.py --mnist FOLDER --out hands

| hand | source |
|---|---|
| `nib` | `trainer/examples/draw.py`: a broad nib |
| `pen` | `tests/photographs/handwriting.py`: a pen's strokes, the habits of one writer |
| `script` | a font like handwriting, every digit turned, stretched and waved by itself |
| `school` | another one |
| `leaning` | MNIST's test digits that lean most to the right with the finest strokes, as one writer's |

Writes OUT/HAND/{train,held}/DIGIT/N.png: 28 x 28, white on black, placed by MNIST's rule. Needs NumPy, Pillow, MNIST's
test files, and the fonts Rufscript and Dancing Script (`--fonts`, in the order script, school, to take others).
"""

import argparse
import math
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "photographs"), str(HERE.parent.parent / "trainer/examples")]
import draw as nib  # noqa: E402
import handwriting  # noqa: E402

EACH = 4  # drawings of each digit, half of them held out
FONTS = ["/usr/share/fonts/truetype/rufscript/Rufscript010.ttf", "/usr/share/fonts/opentype/dancingscript/DancingScript-Regular.otf"]


def placed(ink):
    """MNIST's rule on coverage 0 to 1: a box of 20, the centre of mass in the middle of 28."""
    ys, xs = np.nonzero(ink > 0.1)
    ink = ink[ys.min():ys.max() + 1, xs.min():xs.max() + 1]
    scale = 20 / max(ink.shape)
    size = [max(1, round(side * scale)) for side in reversed(ink.shape)]
    small = np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize(size, Image.BOX), float)
    y, x = (np.arange(n) @ small.sum(axis) / small.sum() for n, axis in ((small.shape[0], 1), (small.shape[1], 0)))
    left, top = round(13.5 - x), round(13.5 - y)
    out = np.zeros((48, 48))
    out[top + 10:top + 10 + small.shape[0], left + 10:left + 10 + small.shape[1]] = small
    return Image.fromarray(out[10:38, 10:38].round().astype(np.uint8))


def from_nib(rng):
    return lambda digit: placed(np.asarray(nib.draw(digit, rng), float) / 255)


def from_pen(seed):
    writer = handwriting.Writer(np.random.default_rng(seed), "pen")
    return lambda digit: placed(writer.glyph(digit, 80, 9, 0.25))


def from_font(path, rng):
    font = ImageFont.truetype(path, 120)

    def glyph(digit):
        image = Image.new("L", (240, 240))
        ImageDraw.Draw(image).text((120, 120), str(digit), 255, font, anchor="mm")
        ink = np.asarray(image, float) / 255
        turn, lean, wide = rng.gauss(0, 0.05), rng.gauss(0, 0.05), rng.gauss(1, 0.05)
        phases, size = [rng.uniform(0, 6.3) for _ in range(2)], rng.uniform(1, 3)
        y, x = np.mgrid[0:240, 0:240] - 120.0
        x, y = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
        x, y = x / wide + lean * y + size * np.sin(y / 19 + phases[0]), y + size * np.sin(x / 23 + phases[1])
        at = np.clip(np.round(y + 120), 0, 239).astype(int), np.clip(np.round(x + 120), 0, 239).astype(int)
        return placed(ink[at])
    return glyph


def from_mnist(folder):
    images, labels = handwriting.mnist(folder)

    def lean(image):
        y, x = np.mgrid[0:28, 0:28]
        mass = image.sum()
        x, y = x - (x * image).sum() / mass, y - (y * image).sum() / mass
        return -(x * y * image).sum() / (y * y * image).sum()
    digits = {}
    for digit in range(10):
        own = images[labels == digit].astype(float)
        finest = own[np.argsort([image.sum() for image in own])[len(own) // 20:len(own) // 3]]
        leans = np.array([lean(image) for image in finest])
        at = np.quantile(leans, 0.9)
        digits[digit] = [Image.fromarray(image.astype(np.uint8)) for image in finest[np.argsort(abs(leans - at))[:EACH]]]
    return lambda digit: digits[digit].pop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fonts", nargs=2, default=FONTS)
    arguments = parser.parse_args()
    hands = {
        "nib": from_nib(random.Random(1)),
        "pen": from_pen(3),
        "script": from_font(arguments.fonts[0], random.Random(2)),
        "school": from_font(arguments.fonts[1], random.Random(3)),
        "leaning": from_mnist(arguments.mnist),
    }
    for hand, glyph in hands.items():
        for digit in range(10):
            for number in range(EACH):
                path = arguments.out / hand / ("train" if number < EACH // 2 else "held") / str(digit) / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                glyph(digit).save(path)


if __name__ == "__main__":
    main()
