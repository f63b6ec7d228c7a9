"""The README is short, and links in all pages lead to something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_pages import FENCE, ROOT, pages

MAX_WORDS = 700
LINK = re.compile(r"(?<!\\)\]\((?P<link>[^)\s]+)\)|(?:src|href)=\"(?P<raw>[^\"]+)\"")
SCHEME = re.compile(r"[a-z][a-z+.-]*:")


def anchors(path: Path) -> set[str]:
    """What a page's headings can be reached by, as GitHub makes them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= MAX_WORDS


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and a heading that is in it; one elsewhere is an address with https."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    for match in LINK.finditer(text):
        link = match["link"] or match["raw"]
        if SCHEME.match(link):
            assert re.match(r"https://[\w-]+(\.[\w-]+)+(/\S*)?$|http://127\.0\.0\.1:\d+/", link), link
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link
