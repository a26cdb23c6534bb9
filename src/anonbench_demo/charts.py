"""Pictures within documents: line charts, bar charts and halftone photographs."""

from __future__ import annotations

import numpy as np
from PIL import Image

from anonbench.core.libraries.opencv import cv2
from anonbench_demo.sheet import Sheet

Box = tuple[float, float, float, float]


def line_chart(sheet: Sheet, box: Box) -> None:
    """Draw axes with numbers and two or three curves."""
    x0, y0, x1, y1 = box
    page, font = sheet.page, sheet.family.regular(8.5)
    page.rule(x0, y0, x0, y1, ink=30)
    page.rule(x0, y1, x1, y1, ink=30)
    for share in (0.0, 0.5, 1.0):
        page.rule(x0 - 3, y1 + (y0 - y1) * share, x0, y1 + (y0 - y1) * share)
        x = x0 + (x1 - x0) * share
        page.middle(x, y1 + 11, f"{share * 10:.0f}", font)
    t = np.linspace(0, 1, 24)
    for number in range(sheet.count(2, 3)):
        walk = np.cumsum(sheet.random.normal(0.12, 0.4, 24))
        walk = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6) * 0.8 + 0.08
        ends = np.column_stack([x0 + (x1 - x0) * t, y1 + (y0 - y1) * walk]).tolist()
        path = [(x, y) for x, y in ends]
        page.draw.line(path, fill=20 + 50 * number, width=1 + number % 2)
        for x, y in path[::4]:
            fill = 20 if number else 255
            page.draw.ellipse([x - 2, y - 2, x + 2, y + 2], outline=20, fill=fill)


def bar_chart(sheet: Sheet, box: Box) -> None:
    """Draw grey bars with their values above."""
    x0, y0, x1, y1 = box
    page, count = sheet.page, sheet.count(4, 6)
    step = (x1 - x0) / count
    for number in range(count):
        height = (y1 - y0) * sheet.between(0.25, 0.9)
        left = x0 + number * step + step * 0.18
        page.box(left, y1 - height, left + step * 0.64, y1, fill=70 + 25 * (number % 5))
        page.middle(left + step * 0.32, y1 - height - 5, f"{height:.0f}", sheet.family.bold(11))
    page.rule(x0, y1, x1, y1, ink=20, width=2)


def halftone(sheet: Sheet, corner: tuple[int, int], size: tuple[int, int]) -> None:
    """Print a photograph of a landscape in newspaper dots."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    tone = 0.92 - 0.35 * rows / height
    for number in range(3):
        wave = np.sin(columns / sheet.between(14, 40) + sheet.between(0, 6)) * height * 0.07
        ridge = height * (0.4 + 0.18 * number) + wave
        tone[rows > ridge] = 0.62 - 0.2 * number
    sun = (sheet.between(0.2, 0.8) * width, 0.2 * height)
    tone[(columns - sun[0]) ** 2 + (rows - sun[1]) ** 2 < (0.1 * height) ** 2] = 1.0
    tone = cv2.GaussianBlur(tone, (0, 0), 1.5)
    screen = 0.5 + 0.25 * (np.cos((columns + rows) * 1.6) + np.cos((columns - rows) * 1.6))
    dots = np.clip((tone - screen) * 3.0 + 0.5, 0, 1) * 0.6 + tone * 0.4
    sheet.page.image.paste(Image.fromarray((dots * 235 + 15).astype(np.uint8)), corner)
    sheet.page.box(corner[0], corner[1], corner[0] + width, corner[1] + height)
