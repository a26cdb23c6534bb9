"""Layouts that are mostly picture and surface: advertisements, slides, file folders."""

from __future__ import annotations

import numpy as np
from PIL import Image

from anonbench.core.libraries.opencv import cv2
from anonbench_demo.fonts import Family, load, wrap
from anonbench_demo.sheet import Sheet


def advertisement(sheet: Sheet) -> None:
    """A headline, a large dark picture of a product, a slogan, a price in a star."""
    page, fake = sheet.page, sheet.fake
    ink = sheet.count(0, 30)
    head = sheet.pick(Family.SANS, Family.SLAB, Family.TIMES).bold(sheet.between(32, 42))
    y = 58.0
    for line in wrap(sheet.phrase(3, 4), head, page.width - 50)[:2]:
        page.centre(y, line, head, ink=ink)
        y += head.size * 1.05
    top, bottom = int(y - 14), int(sheet.between(430, 470))
    _picture(sheet, (24, top), (page.width - 48, bottom - top))
    slogan = load("STIXGeneralItalic", 23)
    page.centre(bottom + 34, sheet.phrase(3, 5) + "!", slogan, ink=ink)
    text, font = sheet.sentences(2, 3), sheet.family.regular(11)
    page.paragraph(46, bottom + 62, page.width - 92, text, font, floor=page.height - 50)
    page.centre(page.height - 24, fake.company().upper(), sheet.family.bold(17), ink=ink)
    if sheet.chance(0.6):
        _star(sheet, page.width - 96, bottom - 24)


def _picture(sheet: Sheet, corner: tuple[int, int], size: tuple[int, int]) -> None:
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    low, high = sheet.between(30, 90), sheet.between(130, 200)
    glow = np.exp(-((columns / width - 0.5) ** 2 + (rows / height - 0.45) ** 2) * 6)
    ground = (low + (high - low) * glow).astype(np.uint8)
    for _ in range(sheet.count(1, 4)):
        x, wide = sheet.between(0.2, 0.8) * width, sheet.between(0.07, 0.14) * width
        neck, shoulder = height * sheet.between(0.15, 0.3), height * sheet.between(0.4, 0.5)
        shape = np.array(
            [
                (x - wide * 0.35, neck),
                (x + wide * 0.35, neck),
                (x + wide * 0.35, shoulder - 20),
                (x + wide, shoulder),
                (x + wide, height * 0.9),
                (x - wide, height * 0.9),
                (x - wide, shoulder),
                (x - wide * 0.35, shoulder - 20),
            ],
            np.int32,
        )
        tone = int(sheet.between(10, 240))
        cv2.fillPoly(ground, [shape], (tone,), cv2.LINE_AA)
        shine = np.array(
            [
                (x - wide * 0.7, shoulder + 6),
                (x - wide * 0.5, shoulder + 6),
                (x - wide * 0.5, height * 0.86),
                (x - wide * 0.7, height * 0.86),
            ],
            np.int32,
        )
        cv2.fillPoly(ground, [shine], (min(255, tone + 60),), cv2.LINE_AA)
        label = (int(x - wide), int(height * 0.58)), (int(x + wide), int(height * 0.74))
        cv2.rectangle(ground, *label, 235 if tone < 128 else 40, -1)
    sheet.page.image.paste(Image.fromarray(ground), corner)


def _star(sheet: Sheet, x: float, y: float) -> None:
    angle = np.arange(32) * (np.pi / 16)
    radius = np.where(np.arange(32) % 2, 38, 50)
    shape = np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])
    sheet.page.draw.polygon([tuple(corner) for corner in shape.tolist()], fill=250, outline=10)
    sheet.page.middle(x, y - 6, "only", sheet.family.bold(12))
    sheet.page.middle(x, y + 14, f"${sheet.between(1, 99):.2f}", Family.SANS.bold(18))


def presentation(sheet: Sheet) -> None:
    """A slide: large title in a bar, bullets in large type, bars, a frame."""
    page, fake = sheet.page, sheet.fake
    frame = (24.0, 60.0, page.width - 24.0, page.height - sheet.between(60, 120))
    dark = sheet.chance(0.4)
    page.box(*frame, width=3, fill=75 if dark else 255)
    ink = 245 if dark else 20
    title = sheet.pick(Family.SANS, Family.SWISS, Family.TIMES).bold(25)
    y = frame[1] + 44
    for line in wrap(sheet.title(2, 4), title, frame[2] - frame[0] - 40)[:2]:
        page.centre(y, line, title, ink=ink)
        y += 30
    page.rule(frame[0] + 30, y - 14, frame[2] - 30, y - 14, ink=ink, width=3)
    bullet = sheet.family.regular(17)
    charted = sheet.chance(0.6)
    y += 26
    for _ in range(sheet.count(3, 4) if charted else sheet.count(5, 7)):
        page.draw.ellipse([frame[0] + 32, y - 10, frame[0] + 40, y - 2], fill=ink)
        for line in wrap(sheet.phrase(2, 5), bullet, frame[2] - frame[0] - 90):
            page.text(frame[0] + 52, y, line, bullet, ink=ink)
            y += 24
        y += 12
    if charted:
        page.box(frame[0] + 40, y, frame[2] - 40, frame[3] - 34, ink=None, fill=250)
        bar_chart(sheet, (frame[0] + 60, y + 14, frame[2] - 60, frame[3] - 46))
    number = str(sheet.count(1, 40))
    page.right(frame[2] - 12, frame[3] - 12, number, sheet.family.regular(12), ink=ink)
    page.text(frame[0] + 12, frame[3] - 12, fake.company(), sheet.family.regular(11), ink=ink)


def file_folder(sheet: Sheet) -> None:
    """An empty manila folder with a tab, a label and perhaps a stamp."""
    page, fake = sheet.page, sheet.fake
    tone = sheet.count(150, 215)
    page.box(0, 0, page.width, page.height, ink=None, fill=tone - sheet.count(25, 60))
    page.box(14, 64, page.width - 14, page.height - 14, ink=60, fill=tone)
    tab = sheet.pick(30, 170, 310)
    corners = [(tab, 64), (tab + 12, 30), (tab + 138, 30), (tab + 150, 64)]
    page.draw.polygon(corners, fill=tone, outline=60)
    page.rule(tab + 2, 64, tab + 148, 64, ink=tone, width=3)
    page.box(tab + 18, 37, tab + 132, 60, ink=110, fill=245)
    label = fake.last_name().upper() + f" {sheet.count(60, 99)}"
    page.middle(tab + 75, 53, label, load("cmtt10", 12.5))
    if sheet.chance(0.7):
        x, y = sheet.between(40, 200), sheet.between(120, 420)
        page.box(x, y, x + 220, y + 92, ink=120, fill=248)
        page.text(x + 14, y + 28, sheet.title(2, 3), sheet.family.bold(14))
        page.text(x + 14, y + 50, fake.company()[:26], sheet.family.regular(11))
        page.text(x + 14, y + 72, f"File {fake.numerify('##-####')}", load("cmtt10", 12))
    if sheet.chance(0.5):
        x, y = sheet.between(60, 280), sheet.between(500, 570)
        page.box(x, y, x + 150, y + 40, ink=80, width=3)
        stamp = sheet.pick("CONFIDENTIAL", "RECEIVED", "COPY", "CLOSED")
        page.middle(x + 75, y + 27, stamp, Family.SANS.bold(16), ink=80)
    page.rule(14, page.height - 40, page.width - 14, page.height - 40, ink=tone - 30)
    page.rule(14, page.height - 34, page.width - 14, page.height - 34, ink=tone - 20)


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
