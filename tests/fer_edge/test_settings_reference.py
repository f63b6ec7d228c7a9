"""What is said of the settings is what settings.py says, for all of them, and no secret is among it."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from fer_edge import settings_reference as reference
from fer_edge.settings import Settings, load, parse

ROOT = Path(__file__).parents[2]
NAMES = [
    f"{part.name}.{key.name}"
    for part in dataclasses.fields(Settings)
    for key in dataclasses.fields(getattr(Settings(), part.name))
]


def test_every_setting_has_a_meaning() -> None:
    entries = [entry for table in reference.tables() for entry in table.settings]
    assert [entry.name for entry in entries] == NAMES
    assert [entry.name for entry in entries if len(entry.meaning) < 5 or not entry.kind] == []
    assert [table.name for table in reference.tables() if len(table.meaning) < 10] == []


def test_toml_file_is_the_defaults(tmp_path: Path) -> None:
    """As it is, and with every line taken out of its comment."""
    path = tmp_path / "fer-edge.toml"
    text = reference.as_toml(Settings())
    path.write_text(text, encoding="utf-8")
    assert load(path) == Settings()
    path.write_text(re.sub(r"(?m)^# (?=[a-z0-9_]+ = )", "", text), encoding="utf-8")
    assert load(path) == Settings()
    assert sum(map(len, tomllib.loads(path.read_text(encoding="utf-8")).values())) == len(NAMES)
    assert max(map(len, text.splitlines())) <= 250


def test_changed_values_are_set_in_the_file(tmp_path: Path) -> None:
    changed = parse(
        {
            "log": {"mode": "frames"},
            "led": {"pins": {"happy": 17}},
            "detector": {"ignore": [[0.5, 0, 0.5, 0.5]]},
            "webhook": {"headers": {"X-Key": 'a "quoted" \\ one'}},
        }
    )
    path = tmp_path / "fer-edge.toml"
    path.write_text(reference.as_toml(changed), encoding="utf-8")
    assert load(path) == changed
    assert sorted(reference.changed(changed)) == ["detector.ignore", "led.pins", "log.mode", "webhook.headers"]


def test_text_fits_a_terminal() -> None:
    text = reference.as_text(Settings())
    assert [line for line in text.splitlines() if len(line) > reference.WIDTH and " " in line.strip()] == []
    assert all(f"\n{name} = " in text for name in NAMES)


def test_text_shows_no_secret() -> None:
    changed = parse({"source": {"name": "rtsp://me:hunter2@host/"}, "mqtt": {"port": 1884}})
    text = reference.as_text(changed)
    assert "hunter2" not in text
    assert 'source.name = ...   (text; default "auto")' in text
    assert "\nmqtt.port = 1884   (" in text


@pytest.mark.parametrize("chosen", [["log.mode"], ["smoother"]])
def test_text_has_what_was_chosen(chosen: list[str]) -> None:
    found = re.findall(r"(?m)^([a-z]+\.[a-z_0-9]+) = ", reference.as_text(Settings(), chosen))
    assert found == [name for name in NAMES if name in chosen or name.split(".")[0] in chosen]


def test_page_is_up_to_date() -> None:
    """Made by: fer-edge settings --markdown > docs/settings.md."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == reference.as_markdown()
