"""Grey pages of TIFF files in which each row has one colour."""

from pathlib import Path

import numpy as np
import zxingcpp
from codes import anonymized, photograph
from PIL import Image

from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import draw_pdf
from anonbench.datasets.images import read_image

DPI = 200


def test_a_blank_page_of_a_fax_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    path = tmp_path / "in/a.tif"
    path.parent.mkdir()
    blank, rule = Image.new("1", (80, 60), 1), Image.new("1", (80, 60), 1)
    rule.paste(0, (0, 20, 80, 24))  # from side to side
    pages = [photograph("one").convert("1"), blank, rule, photograph("two").convert("1")]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    done = anonymized(tmp_path / "in", tmp_path / "out", keep_without_regions=True)
    assert (done.written, done.regions) == (1, 2)
    data = (tmp_path / "out/a.tif.pdf").read_bytes()
    drawn = [draw_pdf(data, Page(number, DPI), 10**7) for number in range(1, 5)]
    assert [zxingcpp.read_barcodes(page) for page in drawn] == [[]] * 4
    for number in (2, 3):
        before = read_image(path, None, Page(number))
        np.testing.assert_array_equal(drawn[number - 1][..., 0], before)
