"""Draws trainer/examples/nib: four of each digit, as a broad nib held at 40 degrees writes them.

    python trainer/examples/draw.py

An example of a folder with a user's own drawings: 28 x 28 PNGs, white on black, one folder for each digit. Needs Pillow.
"""

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

SIDE, FINE = 28, 8
NIB, ANGLE = 3.6, math.radians(40)  # width in pixels, and how it is held


def arc(cx, cy, rx, ry, begin, end):
    """Points of an ellipse, angles in degrees clockwise from the right."""
    count = max(8, int(abs(end - begin) / 8))
    angles = [math.radians(begin + (end - begin) * i / count) for i in range(count + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


STROKES = {
    0: [arc(14, 14, 5.6, 8.4, -70, 290)],
    1: [[(10.5, 8.5), (15, 5.5), (14.2, 22.5)]],
    2: [arc(13.8, 9.8, 4.6, 4.3, 190, 385) + [(9.2, 22)], [(9.2, 22), (19.6, 21.6)]],
    3: [arc(13.4, 9.7, 4.4, 4.1, 200, 440), arc(13.2, 17.6, 5.2, 4.7, -80, 150)],
    4: [[(16.2, 22.8), (16.8, 5.4), (8.2, 17.2), (20.6, 16.8)]],
    5: [[(19, 6), (11.4, 6), (10.4, 13)] + arc(13.6, 17, 5, 5.1, -125, 140)],
    6: [[(17.6, 5.4), (12.2, 9.4)] + arc(13.8, 17, 4.9, 5.4, 200, 560)],
    7: [[(8.4, 6.4), (19.4, 6), (12.4, 22.8)], [(10.8, 14.6), (17.6, 14.2)]],
    8: [arc(14, 9.6, 4, 4.1, 90, 450), arc(14, 18, 4.8, 4.6, -90, 270)],
    9: [arc(13.8, 10.4, 4.7, 4.9, -10, 350), [(18.4, 9.8), (17.4, 16), (12.6, 22.8)]],
}


def draw(digit, rng):
    image = Image.new("L", (SIDE * FINE, SIDE * FINE))
    pen = ImageDraw.Draw(image)
    lean, stretch, turn = rng.gauss(0.06, 0.07), rng.gauss(1, 0.06), rng.gauss(0, 0.05)
    shift = (rng.gauss(0, 0.5), rng.gauss(0, 0.5))

    def moved(point):
        x, y = point[0] - 14 + rng.gauss(0, 0.12), point[1] - 14 + rng.gauss(0, 0.12)
        x, y = stretch * x - lean * y, y
        x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        return (x + 14 + shift[0]) * FINE, (y + 14 + shift[1]) * FINE

    dx, dy = NIB / 2 * FINE * math.cos(ANGLE), -NIB / 2 * FINE * math.sin(ANGLE)
    for stroke in STROKES[digit]:
        points = [moved(point) for point in stroke]
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            pen.polygon([(x0 - dx, y0 - dy), (x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy)], fill=255)
            for x, y in ((x0, y0), (x1, y1)):  # the nib's edge itself
                pen.line([(x - dx, y - dy), (x + dx, y + dy)], fill=255, width=FINE)
    return image.resize((SIDE, SIDE), Image.LANCZOS)


if __name__ == "__main__":
    rng = random.Random(7)
    for digit in range(10):
        for number in range(4):
            path = Path(__file__).parent / "nib" / str(digit) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(digit, rng).save(path, optimize=True)
