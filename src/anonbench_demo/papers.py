"""Layouts of mostly running text: letters, mail, notes, reports, articles, résumés, memos."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench_demo.fonts import Font, load, wrap
from anonbench_demo.page import Page
from anonbench_demo.posters import halftone, line_chart
from anonbench_demo.sheet import Sheet


def letter(sheet: Sheet) -> None:
    """Letterhead, date, address, salutation, paragraphs, signature."""
    page, fake, font = sheet.page, sheet.fake, sheet.family.regular(sheet.between(10.5, 12))
    company, head = fake.company(), sheet.family.bold(sheet.between(16, 21))
    y = sheet.between(46, 60)
    small = sheet.family.regular(9)
    centred = sheet.chance(0.6)
    x, anchor = (sheet.middle, "ms") if centred else (sheet.left, "ls")
    page.text(x, y, company, head, anchor=anchor)
    page.text(x, y + 15, _address(sheet), small, anchor=anchor)
    page.rule(sheet.left, y + 22, sheet.right, y + 22, width=sheet.count(1, 2))
    y += 50
    page.right(sheet.right, y, sheet.date(), font)
    y += 26
    for line in (fake.name(), fake.job(), fake.company(), fake.street_address(), _city(sheet)):
        page.text(sheet.left, y, line, font)
        y += font.size * 1.25
    y += 16
    page.text(sheet.left, y, f"Dear {sheet.pick('Mr.', 'Ms.', 'Dr.')} {fake.last_name()}:", font)
    y += font.size * 2
    for _ in range(sheet.count(2, 4)):
        y = sheet.paragraph(y, sheet.sentences(4, 8), font, floor=page.height - 120)
        y += font.size * 0.8
    y = min(y + 8, page.height - 92)
    close = sheet.pick("Sincerely,", "Yours truly,", "With best regards,")
    page.text(sheet.left + 180, y, close, font)
    sheet.signature(sheet.left + 182, y + 24, 90)
    page.text(sheet.left + 180, y + 48, fake.name(), font)
    page.text(sheet.left + 180, y + 62, fake.job(), small)


def email(sheet: Sheet) -> None:
    """Name over a rule, header fields, short paragraphs, a quoted message."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(10.5), sheet.family.bold(10.5)
    y = sheet.between(44, 56)
    page.text(sheet.left, y, fake.name(), sheet.family.bold(13))
    page.rule(sheet.left, y + 7, sheet.right, y + 7, ink=10, width=3)
    y = _mail_head(sheet, y + 28, font, bold) + 10
    page.text(sheet.left, y, f"{fake.first_name()},", font)
    y += 20
    for _ in range(sheet.count(1, 3)):
        y = page.paragraph(sheet.left, y, sheet.width * 0.94, sheet.sentences(1, 3), font) + 8
    page.text(sheet.left, y, fake.first_name(), font)
    y += 26
    page.text(sheet.left, y, "-----Original Message-----", font)
    y = _mail_head(sheet, y + 16, font, bold) + 6
    for line in wrap(sheet.sentences(3, 6), font, sheet.width - 24):
        if y > page.height - 40:
            break
        page.text(sheet.left + 12, y, line, font)
        page.rule(sheet.left + 3, y - 11, sheet.left + 3, y + 3, ink=110)
        y += 14


def _mail_head(sheet: Sheet, y: float, font: Font, bold: Font) -> float:
    fake = sheet.fake
    fields = [
        ("From:", f"{fake.name()} [{fake.company_email()}]"),
        ("Sent:", f"{sheet.date()} {sheet.count(7, 19)}:{sheet.count(0, 59):02}"),
        ("To:", fake.name() + (f"; {fake.name()}" if sheet.chance(0.5) else "")),
        ("Cc:", fake.name()),
        ("Subject:", f"{sheet.pick('RE: ', 'FW: ', '')}{sheet.title(2, 5)}"),
    ]
    for name, value in fields:
        sheet.page.text(sheet.left, y, name, bold)
        sheet.page.text(sheet.left + 70, y, value, font)
        y += 15
    return y


def handwritten(sheet: Sheet) -> None:
    """A note in a slanted, uneven hand, on lined or plain paper."""
    page = sheet.page
    face = sheet.pick("cmti10", "STIXGeneralItalic", "DejaVuSerif-Italic")
    hand = load(face, sheet.between(17, 22))
    step = hand.size * sheet.between(1.3, 1.55)
    lined = sheet.chance(0.6)
    y = sheet.between(60, 90)
    first, pen = y, sheet.pick(0.0, 0.2, 0.4)
    date = f"{sheet.count(1, 28)}. {sheet.count(1, 12)}. {sheet.count(66, 99)}"
    _scrawl(sheet, (sheet.right - 110, y - step * 0.9), date, hand, pen)
    floor = page.height * sheet.between(0.6, 0.95)
    while y < floor:
        for line in wrap(sheet.sentences(1, 3), hand, sheet.width * 0.92):
            if y > floor:
                break
            _scrawl(sheet, (sheet.left + sheet.between(0, 6), y), line, hand, pen)
            y += step
        y += step * sheet.pick(0, 0, 1)
    if sheet.chance(0.5):
        sheet.signature(sheet.left + 200, page.height - 40, 120)
    _tremble(page, sheet)
    if lined:
        _rulings(page, np.arange(first + 4, page.height - 20, step), sheet.left - 10)


def _rulings(page: Page, rows: np.ndarray, margin: float) -> None:
    """Print the paper's lines under the ink."""
    paper = Image.new("L", page.image.size, 255)
    lines = ImageDraw.Draw(paper)
    for row in rows.tolist():
        lines.line([(0, row), (page.width, row)], fill=185)
    lines.line([(margin, 0), (margin, page.height)], fill=165)
    page.image.paste(ImageChops.darker(page.image, paper))


def _scrawl(sheet: Sheet, at: tuple[float, float], line: str, hand: Font, pen: float) -> None:
    """Write a line word by word on a restless baseline; it is one region."""
    (x, y), page, ink = at, sheet.page, sheet.count(30, 80)
    start = x
    for word in line.split():
        at = x, y + sheet.between(-2, 2)
        page.draw.text(at, word, fill=ink, font=hand, anchor="ls", stroke_width=pen)
        x += hand.getlength(word) + hand.size * sheet.between(0.3, 0.5)
    top, low = y - hand.size * 0.78, y + hand.size * 0.28
    page.mark(Entity.TEXT, (start - 2, top - 2, x - hand.size * 0.3, low + 2))


def _tremble(page: Page, sheet: Sheet) -> None:
    """Bend the page's ink by a pixel or two, smoothly: no two letters stay alike."""
    height, width = page.height, page.width
    coarse = sheet.random.normal(0, 1.15, (2, height // 11, width // 11)).astype(np.float32)
    moves = [cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC) for layer in coarse]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    places, how = (columns + moves[0], rows + moves[1]), cv2.INTER_LINEAR
    bent = cv2.remap(page.pixels(), *places, how, borderMode=cv2.BORDER_REPLICATE)
    page.image.paste(Image.fromarray(bent))


def scientific_report(sheet: Sheet) -> None:
    """Institute, report number, centred title, authors, numbered sections, a chart with caption."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(10.5), sheet.family.bold(11.5)
    page.text(sheet.left, 42, fake.company().upper(), sheet.family.bold(10))
    page.right(sheet.right, 42, f"Report No. {sheet.count(100, 999)}-{sheet.count(10, 99)}", font)
    page.rule(sheet.left, 49, sheet.right, 49)
    y = 84.0
    for line in wrap(sheet.title(6, 10), sheet.family.bold(17), sheet.width * 0.9):
        page.centre(y, line, sheet.family.bold(17))
        y += 22
    page.centre(y + 2, f"{fake.name()} and {fake.name()}", font)
    page.centre(y + 17, sheet.date(), font)
    y += 46
    for number, heading in enumerate(("Introduction", "Methods", "Results", "Discussion"), start=1):
        if y > page.height - 80:
            break
        page.text(sheet.left, y, f"{number}. {heading}", bold)
        y = sheet.paragraph(y + 16, sheet.sentences(4, 8), font, floor=page.height - 50) + 8
        if number == 2:
            bottom = y + sheet.between(105, 130)
            line_chart(sheet, (sheet.left + 60, y, sheet.right - 60, bottom))
            caption = f"Figure {number}: {sheet.phrase(4, 6)}"
            page.centre(bottom + 22, caption, sheet.family.italic(10))
            y = bottom + 44
    page.centre(page.height - 22, f"- {sheet.count(1, 40)} -", font)


def scientific_publication(sheet: Sheet) -> None:
    """Journal line, wide title, abstract, two narrow columns of small type, footnotes."""
    page, fake = sheet.page, sheet.fake
    small, font = sheet.family.regular(8.6), sheet.family.regular(9.0)
    journal = f"J. {sheet.title(1, 2)}. {sheet.count(4, 60)} ({sheet.count(1970, 2008)})"
    page.text(sheet.left, 36, journal, sheet.family.italic(9))
    page.right(sheet.right, 36, str(sheet.count(100, 999)), small)
    y = 66.0
    for line in wrap(sheet.title(7, 11), sheet.family.bold(16), sheet.width):
        page.text(sheet.left, y, line, sheet.family.bold(16))
        y += 20
    authors = ", ".join(fake.name() for _ in range(sheet.count(2, 3)))
    page.text(sheet.left, y, authors, sheet.family.italic(10.5))
    abstract = "Abstract - " + sheet.sentences(4, 6)
    y = page.paragraph(sheet.left + 26, y + 22, sheet.width - 52, abstract, small)
    page.rule(sheet.left, y - 2, sheet.right, y - 2)
    gap = 16
    wide, top, floor = (sheet.width - gap) / 2, y + 16, page.height - 58
    for column in range(2):
        x, y = sheet.left + column * (wide + gap), top
        if column == sheet.count(0, 1):
            line_chart(sheet, (x + 14, y - 6, x + wide, y + 84))
            y += 112
        while y < floor:
            if sheet.chance(0.3) and y < floor - 40:
                page.text(x, y + 4, sheet.title(1, 3), sheet.family.bold(9.5))
                y += 18
            text = sheet.sentences(3, 6)
            y = page.paragraph(x, y, wide, text, font, indent=10, floor=floor, leading=1.2)
    page.rule(sheet.left, floor + 12, sheet.left + 90, floor + 12)
    for number in (1, 2):
        page.text(sheet.left, floor + 12 + number * 12, f"{number} {sheet.phrase(5, 8)}.", small)


def news_article(sheet: Sheet) -> None:
    """Masthead, headline over three narrow columns, a halftone picture."""
    page, fake = sheet.page, sheet.fake
    name = f"The {fake.city()} {sheet.pick('Herald', 'Times', 'Gazette', 'Courier', 'Tribune')}"
    page.centre(52, name, load("STIXGeneralBol", 25))
    page.rule(22, 60, page.width - 22, 60, ink=10, width=2)
    page.text(24, 73, sheet.date(), load("STIXGeneral", 9.5))
    page.right(page.width - 24, 73, f"{sheet.count(25, 95)} cents", load("STIXGeneral", 9.5))
    page.rule(22, 78, page.width - 22, 78)
    y = 112.0
    head = load("STIXGeneralBol", sheet.between(26, 32))
    for line in wrap(sheet.phrase(5, 8), head, page.width - 48)[:2]:
        page.text(24, y, line, head, ink=5)
        y += head.size * 1.08
    font, wide = load("STIXGeneral", 10), (page.width - 48 - 24) / 3
    picture = sheet.count(1, 2)
    page.text(24, y - 4, f"By {fake.name()}", load("STIXGeneralBol", 10))
    top, floor = y + 14, page.height - 26
    for column in range(3):
        x, y = 24 + column * (wide + 12), top
        if column == picture:
            height = int(sheet.between(120, 170))
            halftone(sheet, (int(x), int(y - 8)), (int(wide), height))
            page.text(x, y + height + 5, sheet.phrase(3, 4), load("STIXGeneralItalic", 9.5))
            y += height + 22
        while y < page.height - 30:
            text = sheet.sentences(2, 4)
            y = page.paragraph(x, y, wide, text, font, indent=8, leading=1.15, floor=floor)
        if column < 2:
            page.rule(x + wide + 6, top - 8, x + wide + 6, floor, ink=150)


def resume(sheet: Sheet) -> None:
    """Name large, contacts, headings over rules, dated entries with bullets."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(10.3), sheet.family.bold(10.3)
    y = sheet.between(50, 60)
    page.centre(y, fake.name().upper(), sheet.family.bold(sheet.between(19, 23)))
    page.centre(y + 17, f"{fake.street_address()}, {_city(sheet)}", font)
    page.centre(y + 31, f"{fake.numerify('(###) ###-####')}   {fake.email()}", font)
    y += 58
    for heading in ("EDUCATION", "EXPERIENCE", "PUBLICATIONS", "AFFILIATIONS"):
        page.text(sheet.left, y, heading, sheet.family.bold(12))
        page.rule(sheet.left, y + 4, sheet.right, y + 4)
        y += 20
        for _ in range(sheet.count(1, 3)):
            if y > page.height - 60:
                return
            start = sheet.count(1960, 1995)
            page.right(sheet.right, y, f"{start} - {start + sheet.count(1, 9)}", font)
            page.text(sheet.left, y, fake.company(), bold)
            page.text(sheet.left + 10, y + 13, fake.job(), sheet.family.italic(10.3))
            y += 28
            for _ in range(sheet.count(1, 2)):
                page.draw.ellipse([sheet.left + 12, y - 6, sheet.left + 15, y - 3], fill=20)
                page.text(sheet.left + 22, y, sheet.phrase(5, 8), font)
                y += 14
        y += 12


def memo(sheet: Sheet) -> None:
    """The word MEMORANDUM, four fields, a rule, a short text and initials."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(11.3), sheet.family.bold(11.3)
    y = sheet.between(50, 66)
    page.text(sheet.left, y, fake.company(), sheet.family.regular(10))
    title = sheet.pick("MEMORANDUM", "INTER-OFFICE MEMORANDUM", "INTEROFFICE MEMO", "M E M O")
    page.centre(y + 36, title, sheet.family.bold(18))
    y += 72
    fields = {
        "TO:": fake.name(),
        "FROM:": fake.name(),
        "DATE:": sheet.date(),
        "SUBJECT:": sheet.title(3, 6),
    }
    for name, value in fields.items():
        page.text(sheet.left + 6, y, name, bold)
        page.text(sheet.left + 96, y, value, font)
        y += 23
    page.rule(sheet.left, y - 6, sheet.right, y - 6, ink=15, width=2)
    y += 18
    for _ in range(sheet.count(1, 3)):
        text = sheet.sentences(2, 4)
        y = sheet.paragraph(y, text, font, leading=1.4, floor=page.height - 90) + 12
    initials = fake.lexify("???").upper() + "/" + fake.lexify("??")
    page.text(sheet.left, min(y + 14, page.height - 44), initials, font)
    page.text(sheet.left, min(y + 30, page.height - 28), f"cc: {fake.name()}, {fake.name()}", font)


def _city(sheet: Sheet) -> str:
    fake = sheet.fake
    return f"{fake.city()}, {fake.state_abbr()} {fake.postcode()}"


def _address(sheet: Sheet) -> str:
    return f"{sheet.fake.street_address()}, {_city(sheet)}  Tel. {sheet.fake.numerify('###-####')}"
