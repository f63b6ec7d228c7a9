"""What GitHub runs on a change and on a tag, and what it asks of a report."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import fer_edge
import pytest

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    """A tag can be moved to other code by whoever takes over an action; a commit cannot."""
    uses = re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(), re.MULTILINE)
    assert uses
    assert [line for line in uses if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_workflows_call_commands_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {name for path in WORKFLOWS for name in re.findall(r"run: make ([a-z-]+)", path.read_text())}
    assert {"check", "test"} <= called <= targets


def test_each_promised_python_is_checked() -> None:
    promised = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)}
    matrices = re.findall(r"^\s*python: \[(.*)\]$", (GITHUB / "workflows" / "check.yml").read_text(), re.MULTILINE)
    assert matrices
    assert [set(re.findall(r'"(.*?)"', matrix)) for matrix in matrices] == [promised] * len(matrices)
    assert PROJECT["requires-python"] == f">={min(promised, key=lambda version: int(version.partition('.')[2]))}"


def test_citation_names_the_version() -> None:
    assert f"\nversion: {fer_edge.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_publishing_job_alone_gets_its_right() -> None:
    """Whoever can run `id-token: write` beside the build could publish; the job that does so runs no code of ours."""
    jobs = re.split(r"^  (?=\w+:$)", (GITHUB / "workflows" / "release.yml").read_text(), flags=re.MULTILINE)
    (publishing,) = (job for job in jobs if "gh-action-pypi-publish" in job)
    assert "environment:" in publishing
    assert "id-token: write" in publishing
    assert "run:" not in publishing


def test_fault_form_asks_for_the_bundle() -> None:
    form = (GITHUB / "ISSUE_TEMPLATE" / "fault.yml").read_text()
    (bundle,) = (part for part in form.split("  - type: ") if "id: bundle" in part)
    assert "fer-edge doctor --bundle bundle.tar.gz" in bundle
    assert "required: true" in bundle
