"""Digests and ids of pages."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import (
    MOST_PAGES,
    Page,
    file_digest_of,
    page_digest,
    page_id,
    page_of,
    require_page,
)
from anonbench.datasets.ids import id_problems, ids_of_files
from anonbench.datasets.image_sets.shards import member_name

SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
PAGES = st.none() | st.builds(Page, st.integers(1, MOST_PAGES), st.just(0) | st.integers(36, 1200))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="/"))
PARTS = NAMES.filter(lambda name: name not in ("", ".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(sha=SHA, page=PAGES)
def test_a_digest_says_file_and_page(sha: str, page: Page | None) -> None:
    digest = page_digest(sha, page)
    assert page_of(digest) == page and file_digest_of(digest) == sha
    assert (digest == sha) == (page is None)


def test_what_is_no_digest_is_refused() -> None:
    for text in ("ab:page=", "ab:page=1:dpi=", "ab:dpi=3", "ab:page=-1", "ab:x"):
        with pytest.raises(ValueError, match="is no digest of an image"):
            page_of(text)


@pytest.mark.slow
@given(paths=st.lists(PATHS, min_size=1, max_size=8, unique=True), number=st.integers(1, 9999))
def test_ids_of_files_and_pages_never_meet_and_can_be_names(paths: list[str], number: int) -> None:
    ids = ids_of_files(pd.Series(paths, dtype="str"))
    assert ids.is_unique
    pages = pd.Series([page_id(each, number) for each in ids], dtype="str")
    assert pages.is_unique and pages.str.startswith(ids.iloc[0] + "/").any()
    assert (id_problems(pages) == "").all()
    names = [member_name(each, "png") for each in pages]
    assert len(set(names)) == len(names)
    assert not any(part in ("", ".", "..") for name in names for part in name.split("/"))


def test_ids_of_pages_are_in_the_order_of_pages() -> None:
    ids = [page_id("a b/ü", number) for number in (1, 2, 10, 999, MOST_PAGES)]
    assert ids == sorted(ids) and ids[0] == "a b/ü/page-0001"


def test_pages_that_are_not_there() -> None:
    for number, pages in ((0, 3), (4, 3), (1, 0), (1, MOST_PAGES + 1)):
        with pytest.raises(UnreadableImage, match=r"no page|more than 9999 pages"):
            require_page(number, pages)
