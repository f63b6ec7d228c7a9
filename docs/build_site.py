"""Makes the documentation a site in build/docs: make docs, or python docs/build_site.py [FOLDER].

A warning is an error: a link without a target, a page without a place in the menu. Afterwards the site itself is read:
it must load nothing from elsewhere, and the addresses that it links to are listed, since only somebody with a network
can say whether they are still there.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[1]
# Attributes of a page that make a browser fetch something; <a> waits for a reader.
LOADS = {
    *((tag, "src") for tag in ("script", "img", "source", "iframe", "video", "audio", "embed")),
    *((tag, "srcset") for tag in ("img", "source")),
    ("object", "data"),
    ("link", "href"),
}
SILENT_RELATIONS = {"canonical", "index", "search", "next", "prev", "author"}  # of <link>, which fetch nothing


class Page(HTMLParser):
    """The addresses in one page of the site."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []  # by the browser, without a click
        self.linked: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the addresses of one element."""
        values = {name: value or "" for name, value in attrs}
        if tag == "link" and set(values.get("rel", "").split()) <= SILENT_RELATIONS:
            return
        self.loaded += [value for name, value in values.items() if (tag, name) in LOADS]
        if tag == "a":
            self.linked.append(values.get("href", ""))


def elsewhere(address: str) -> bool:
    """Whether an address names another machine."""
    return bool(urlsplit(address).netloc)


def faults(site: Path) -> list[str]:
    """What is wrong with the site: loads from elsewhere, in pages and styles; addresses that are none."""
    found = []
    for path in sorted(site.rglob("*.html")):
        page = Page(path.read_text(encoding="utf-8"))
        name = path.relative_to(site)
        found += [f"{name}: loads {address}" for address in page.loaded if elsewhere(address)]
        found += [f"{name}: {address} is no address" for address in page.linked if not well_formed(address)]
    for path in sorted(site.rglob("*.css")):
        parts = path.read_text(encoding="utf-8").replace("@import", "url(").split("url(")[1:]
        addresses = [part.strip("'\" ")[:60] for part in parts]
        found += [f"{path.relative_to(site)}: loads {each}" for each in addresses if each.startswith(("http", "//"))]
    return found


def well_formed(address: str) -> bool:
    """An address of this site, or one with https and a host, without a blank."""
    parts = urlsplit(address)
    if not parts.scheme and not parts.netloc:
        return True
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "homeassistant.local")
    return (parts.scheme == "https" or local) and "." in (parts.hostname or "localhost.") and " " not in address


def links(site: Path) -> list[str]:
    """All addresses elsewhere that the site links to, sorted."""
    pages = (Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html"))
    return sorted({address for page in pages for address in page.linked if elsewhere(address)})


def main(site: Path) -> int:
    """Build the site, check it, list its links elsewhere."""
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env", "-b", "html", "-c", str(ROOT / "docs")]
    if build_main([*options, "-d", str(site.with_name(f"{site.name}-cache")), str(ROOT), str(site)]):
        return 1
    if found := faults(site):
        print(*found, sep="\n", file=sys.stderr)
        return 1
    print(*links(site), sep="\n")
    print(f"{site / 'index.html'}: {len(list(site.rglob('*.html')))} pages; the addresses above are not asked")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"))
