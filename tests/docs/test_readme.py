"""The README is short and says what the other pages say; links in all pages lead to something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_pages import FENCE, ROOT, pages
from fer_edge.records import EventEntry, FaceRecord, Record

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


def test_figures_are_those_of_the_docs() -> None:
    """What the README has in numbers stands, with its command, on the page that it links to."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cells = re.search(r"^\| frames a second.*\n\|[-|]+\|\n\|(?P<cells>.*)\|$", readme, re.MULTILINE)
    assert cells
    frames, memory, model = (cell.strip() for cell in cells["cells"].split("|"))
    performance = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert f"| frames a second, 640 x 480, as fast as it goes | {frames} |" in performance
    assert f"| peak memory | {memory} |" in performance
    size = (ROOT / "models" / "mini_xception-int8.tflite").stat().st_size
    assert model.endswith(f", {size / 1e3:.0f} kB")


def test_log_page_names_each_field() -> None:
    page = (ROOT / "docs" / "log.md").read_text(encoding="utf-8")
    for prefix, record in (("", Record), ("faces[].", FaceRecord), ("events[].", EventEntry)):
        for field in record.__annotations__:
            assert f"`{prefix}{field}`" in page, field


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
        assert target.is_file(), f"{link}: no file, and a folder is no page"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link
