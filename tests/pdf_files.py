"""PDF files of one page, written by hand."""


def stream(entries: str, data: bytes) -> bytes:
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def page(content: str, resources: str, *others: bytes, more: str = "") -> bytes:
    """Return a PDF file of one page, without a table; objects from 4 on are the others."""
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 150] /Contents {4 + len(others)} 0 R "
        f"{resources} {more} >>".encode(),
        *others,
        stream("", content.encode()),
    ]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(parts, start=1))
    return b"%PDF-1.7\n" + body + b"trailer\n<< /Root 1 0 R >>\n"
