"""Layouts that are mostly structure: forms, specifications, tables, questionnaires."""

from __future__ import annotations

from anonbench_demo.fonts import load, wrap
from anonbench_demo.sheet import Sheet


def form(sheet: Sheet) -> None:
    """A titled grid of labelled boxes, filled in by typewriter, with boxes to tick."""
    page, fake = sheet.page, sheet.fake
    label, typed = sheet.family.regular(8.2), load("cmtt10", 11.5)
    left, right = 30.0, page.width - 30.0
    page.box(left, 30, right, 62, fill=sheet.pick(255, 225, 60), width=2)
    dark = page.image.getpixel((int(left) + 6, 40)) == 60
    title = sheet.title(2, 3).upper() + " FORM"
    page.centre(51, title, sheet.family.bold(14), ink=250 if dark else 15)
    page.right(right, 24, f"Form {fake.bothify('??-###').upper()}", label)
    values = [
        ("Name", fake.name),
        ("Date", sheet.date),
        ("Address", fake.street_address),
        ("City", fake.city),
        ("Telephone", lambda: fake.numerify("###-####")),
        ("Department", fake.job),
        ("Account No.", lambda: fake.numerify("####-####")),
        ("Title", lambda: sheet.title(1, 2)),
        ("Amount", lambda: sheet.amount(10, 9999)),
        ("Approved by", fake.name),
        ("Reference", lambda: fake.bothify("??####").upper()),
    ]
    y = 70.0
    for _ in range(sheet.count(8, 11)):
        parts = sheet.count(1, 3)
        for part in range(parts):
            x = left + (right - left) * part / parts
            page.box(x, y, left + (right - left) * (part + 1) / parts, y + 34)
            name, value = values[sheet.count(0, len(values) - 1)]
            page.text(x + 4, y + 10, name, label, ink=50)
            if sheet.chance(0.75):
                room = (right - left) / parts - 14
                page.text(x + 8, y + 27, wrap(str(value()), typed, room)[0], typed, ink=35)
        y += 34
    y += 18
    for _ in range(sheet.count(2, 4)):
        for column in range(3):
            x = left + 8 + column * (right - left) / 3
            page.box(x, y - 9, x + 9, y)
            if sheet.chance(0.35):
                page.rule(x, y - 9, x + 9, y, ink=10, width=2)
                page.rule(x, y, x + 9, y - 9, ink=10, width=2)
            page.text(x + 15, y, sheet.phrase(1, 3), sheet.family.regular(9.5))
        y += 20
    page.rule(left + 200, page.height - 44, right, page.height - 44)
    page.text(left + 200, page.height - 33, "Signature", label)
    sheet.signature(left + 215, page.height - 54, 100)


def specification(sheet: Sheet) -> None:
    """A title block, numbered clauses, a table of properties with limits."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(10), sheet.family.bold(10.5)
    left, right = 34.0, page.width - 34.0
    page.box(left, 30, right, 92, width=2)
    page.rule(right - 150, 30, right - 150, 92)
    page.rule(right - 150, 61, right, 61)
    page.text(left + 10, 54, "SPECIFICATION", sheet.family.bold(17))
    page.text(left + 10, 78, sheet.title(2, 4), font)
    page.text(right - 142, 50, f"No. {fake.bothify('??-####').upper()}", font)
    page.text(right - 142, 81, f"Rev. {fake.random_uppercase_letter()}  {sheet.date()}"[:22], font)
    y = 116.0
    for chapter in range(1, 3):
        page.text(left, y, f"{chapter}.0  {sheet.title(1, 3).upper()}", bold)
        y += 17
        for clause in range(1, sheet.count(3, 4)):
            page.text(left + 14, y, f"{chapter}.{clause}", font)
            y = page.paragraph(left + 46, y, right - left - 46, sheet.sentences(1, 2), font) + 5
        y += 6
    columns = [left, left + 180, left + 260, left + 340, right]
    for x, name in zip(columns, ("Property", "Unit", "Minimum", "Maximum"), strict=False):
        page.text(x + 5, y + 2, name, bold)
    rows = int(min(sheet.count(7, 10), (page.height - 50 - y) // 18))
    page.box(left, y - 12, right, y + 7 + rows * 18)
    for row in range(rows):
        base = y + 20 + row * 18
        page.rule(left, base - 13, right, base - 13)
        page.text(left + 5, base, sheet.phrase(1, 3), font)
        page.text(columns[1] + 5, base, sheet.pick("mm", "kg", "%", "deg C", "N/mm", "pH"), font)
        low = sheet.between(0, 50)
        page.text(columns[2] + 5, base, f"{low:.2f}", font)
        page.text(columns[3] + 5, base, f"{low + sheet.between(0.5, 40):.2f}", font)
    for x in columns[1:-1]:
        page.rule(x, y - 12, x, y + 7 + rows * 18)
    page.right(right, page.height - 24, f"Page {sheet.count(1, 9)} of {sheet.count(9, 20)}", font)


def budget(sheet: Sheet) -> None:
    """A wide table of sums by month, with sections and double-ruled totals."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(9.3), sheet.family.bold(9.5)
    left, right, year = 26.0, page.width - 26.0, sheet.count(1972, 2005)
    page.centre(42, fake.company(), sheet.family.bold(13))
    title = f"{year} {sheet.pick('BUDGET', 'OPERATING BUDGET', 'BUDGET REVIEW')}"
    page.centre(60, title, sheet.family.bold(12))
    page.right(right, 76, "($ thousands)", font)
    columns, room = sheet.count(4, 5), right - left - 132
    edges = [right - room * after / columns for after in reversed(range(columns))]
    names = ("1st Qtr", "2nd Qtr", "3rd Qtr", "4th Qtr", "Total")[-columns:]
    for edge, name in zip(edges, names, strict=True):
        page.right(edge, 94, name, bold)
    page.rule(left, 99, right, 99, ink=20, width=2)
    y = 116.0
    while y < page.height - 110:
        page.text(left, y, sheet.title(1, 2), bold)
        y += 16
        for _ in range(sheet.count(4, 7)):
            page.text(left + 10, y, sheet.phrase(1, 2)[:20], font)
            for edge in edges:
                page.right(edge, y, f"{sheet.between(0, 900):,.1f}", font)
            y += 14.5
        page.rule(left + 130, y - 10, right, y - 10)
        y += 3
        page.text(left + 10, y, "Subtotal", bold)
        for edge in edges:
            page.right(edge, y, f"{sheet.between(900, 5000):,.1f}", bold)
        y += 24
    page.text(left, y, "TOTAL", bold)
    for edge in edges:
        page.right(edge, y, f"{sheet.between(5000, 20000):,.1f}", bold)
    page.rule(left, y + 5, right, y + 5, ink=20)
    page.rule(left, y + 8, right, y + 8, ink=20)


def invoice(sheet: Sheet) -> None:
    """Company and the word INVOICE, bill-to, items with prices, a boxed total."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(10.3), sheet.family.bold(10.3)
    left, right = 36.0, page.width - 36.0
    page.text(left, 54, fake.company(), sheet.family.bold(14))
    page.text(left, 70, fake.street_address(), font)
    page.text(left, 84, fake.city(), font)
    page.right(right, 56, "INVOICE", sheet.family.bold(24), ink=sheet.pick(10, 70))
    page.right(right, 76, f"No. {fake.numerify('######')}", font)
    page.right(right, 90, sheet.date(), font)
    page.box(left, 108, left + 190, 172)
    page.text(left + 8, 122, "BILL TO", bold)
    for number, line in enumerate((fake.name(), fake.street_address(), fake.city())):
        page.text(left + 8, 137 + 14 * number, line, font)
    terms = sheet.pick("Net 30 days", "Net 10 days", "2% 10 days")
    page.text(left + 214, 122, f"Terms: {terms}", font)
    page.text(left + 214, 138, f"Order: {fake.bothify('??-#####').upper()}", font)
    edges = [left, left + 46, right - 160, right - 82, right]
    page.box(left, 190, right, 208, fill=sheet.pick(215, 235))
    for x, name in zip(edges, ("Qty", "Description", "Price", "Amount"), strict=False):
        page.text(x + 6, 203, name, bold)
    y, total, rows = 224.0, 0.0, sheet.count(4, 14)
    for _ in range(rows):
        quantity, price = sheet.count(1, 40), sheet.between(1, 90)
        total += quantity * price
        page.right(edges[1] - 12, y, str(quantity), font)
        page.text(edges[1] + 6, y, sheet.phrase(2, 3)[:30], font)
        page.right(edges[3] - 8, y, f"{price:.2f}", font)
        page.right(right - 8, y, f"{quantity * price:,.2f}", font)
        y += 17.5
    bottom = 500.0
    page.box(left, 190, right, bottom)
    for x in edges[1:-1]:
        page.rule(x, 190, x, bottom)
    page.box(edges[3], bottom, right, bottom + 24, width=2)
    page.right(edges[3] - 8, bottom + 17, "TOTAL DUE", bold)
    page.right(right - 8, bottom + 17, f"${total:,.2f}", bold)
    page.text(left, page.height - 72, f"Please remit to {fake.company()}", font)
    page.centre(page.height - 34, "Thank you for your business", sheet.family.italic(11))


def questionnaire(sheet: Sheet) -> None:
    """Numbered questions with circles to mark and scales from 1 to 5."""
    page, fake = sheet.page, sheet.fake
    font, bold = sheet.family.regular(10.3), sheet.family.bold(10.3)
    page.centre(46, sheet.title(2, 3).upper() + " SURVEY", sheet.family.bold(14))
    page.text(sheet.left, 70, "Respondent No. ______", font)
    page.right(sheet.right, 70, f"Interviewer: {fake.last_name()}", font)
    y, number = 98.0, sheet.count(1, 12)
    while y < page.height - 96:
        page.text(sheet.left, y, f"{number}.", bold)
        question = sheet.phrase(7, 13) + "?"
        y = page.paragraph(sheet.left + 24, y, sheet.width - 24, question, bold) + 3
        if sheet.chance(0.4):
            y = _scale(sheet, y + 4)
        else:
            for answer in range(sheet.count(2, 4)):
                x, fill = sheet.left + 34, 30 if sheet.chance(0.2) else None
                page.draw.ellipse([x, y - 9, x + 9, y], outline=30, fill=fill)
                text = sheet.phrase(1, 3)
                width = page.text(x + 18, y, text, font)
                page.rule(x + 26 + width, y, sheet.right - 34, y, ink=170)
                page.text(sheet.right - 20, y, f"-{answer + 1}", font)
                y += 16
        y += 14
        number += 1
    page.right(sheet.right, page.height - 24, "(CONTINUED)", font)


def _scale(sheet: Sheet, y: float) -> float:
    page, font = sheet.page, sheet.family.regular(9.3)
    chosen = sheet.count(0, 8)
    page.text(sheet.left + 24, y + 4, "Disagree", font)
    page.right(sheet.right, y + 4, "Agree", font)
    for step in range(5):
        x = sheet.left + 96 + step * (sheet.width - 150) / 4
        width = 2 if step == chosen else 1
        page.draw.ellipse([x - 9, y - 9, x + 9, y + 9], outline=30, width=width)
        page.middle(x, y + 4, str(step + 1), font)
    return y + 24
