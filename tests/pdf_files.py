"""PDF files written by hand, without a table of their objects."""

from collections.abc import Sequence


def stream(entries: str, data: bytes) -> bytes:
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def written(*objects: bytes, trailer: str = "") -> bytes:
    """Return a file of objects, numbered from 1; the first is the catalog."""
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, start=1))
    return b"%PDF-1.7\n" + body + f"trailer\n<< /Root 1 0 R {trailer} >>\n".encode()


def page(
    content: str,
    resources: str,
    *others: bytes,
    more: str = "",
    media: str = "200 150",
    catalog: str = "",
) -> bytes:
    """Return a file of one page; objects from 4 on are the others."""
    return written(
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {media}] /Contents {4 + len(others)} 0 R "
        f"{resources} {more} >>".encode(),
        *others,
        stream("", content.encode()),
    )


def stamped(image: bytes) -> bytes:
    """Return a file of a page on which a stamp shows an image."""
    resources = "/Resources << /XObject << /I 4 0 R >> >>"
    kind = f"/Type /XObject /Subtype /Form /BBox [0 0 200 150] {resources}"
    note = "/Annots [<< /Subtype /Stamp /F 4 /Rect [0 0 200 150] /AP << /N 5 0 R >> >>]"
    return page("", "", image, stream(kind, b"200 0 0 150 0 0 cm /I Do"), more=note)


def pages(contents: Sequence[bytes], media: str = "0 0 144 72", trailer: str = "") -> bytes:
    """Return a file of pages with these contents, which may show text in the font F."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{media}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>".encode()
        )
        objects.append(stream("", content))
    return written(*objects, trailer=trailer)
