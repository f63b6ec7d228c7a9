"""The documentation becomes a site without a warning, which needs no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT

pytest.importorskip("sphinx", reason="needs Sphinx: pip install '.[docs]'")
build = pytest.importorskip("build_site")
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(300)]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT / 'edge'}:{ROOT / 'convert'}"}


def make(site: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "docs" / "build_site.py"), str(site)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "docs"
    done = make(folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder


def test_site_has_all_pages(site: Path) -> None:
    """At the place of its source, so that links in READMEs hold there too."""
    for source in (ROOT / "docs").rglob("*.md"):
        assert (site / source.relative_to(ROOT).with_suffix(".html")).is_file()
    assert "docs/index.html" in (site / "index.html").read_text()


def test_search_needs_no_network(site: Path) -> None:
    """Its index is a script of the site, which a browser may load from a folder."""
    assert '"docs/start"' in (site / "searchindex.js").read_text()
    assert "searchindex.js" in (site / "search.html").read_text()
    assert build.faults(site) == []


def test_what_is_loaded_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="//fonts.example/a.css"><script src="https://cdn.example/a.js"></script>'
        '<link rel="canonical" href="https://here.example/"><a href="https://there.example/">x</a>'
        '<a href="http:/x y">y</a>'
    )
    (tmp_path / "a.css").write_text(
        '@import "https://fonts.example/b.css"; a { background: url(https://c.example/d.png) }'
    )
    assert [fault.partition(": ")[2] for fault in build.faults(tmp_path)] == [
        "loads //fonts.example/a.css",
        "loads https://cdn.example/a.js",
        "http:/x y is no address",
        'loads https://fonts.example/b.css"; a { background:',
        "loads https://c.example/d.png) }",
    ]


def test_page_without_a_place_fails(tmp_path: Path) -> None:
    """A page that no menu names, and a link that leads nowhere, end the build."""
    root = tmp_path / "repository"
    (root / "docs").mkdir(parents=True)
    for name in ("build_site.py", "conf.py", "index.html"):
        shutil.copy(ROOT / "docs" / name, root / "docs")
    (root / "docs" / "static").mkdir()
    (root / "docs" / "index.md").write_text("# Begin\n\n[nowhere](nowhere.md)\n")
    (root / "docs" / "left_out.md").write_text("# Left out\n")
    done = make(tmp_path / "site", root)
    assert done.returncode == 1
    assert "left_out.md: WARNING: document isn't included in any toctree" in done.stderr
    assert "nowhere.md" in done.stderr
