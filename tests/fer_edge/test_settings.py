"""Settings are strict: what is not allowed is refused with its key, its value and what is allowed."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fer_edge import settings
from fer_edge.errors import SettingsError
from fer_edge.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

PARTS = [field.name for field in dataclasses.fields(Settings)]
FIELDS = [(part, field) for part in PARTS for field in dataclasses.fields(getattr(Settings(), part))]
BOUNDED = [(part, field) for part, field in FIELDS if "low" in field.metadata]


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_text("")
    assert settings.load(file) == Settings()


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_text('[log]\nmode = "frames"\n[source]\nfps = 10\n')
    loaded = settings.load(file)
    assert (loaded.log.mode, loaded.source.fps) == ("frames", 10.0)
    assert isinstance(loaded.source.fps, float)
    assert loaded.detector == Settings().detector
    assert loaded.log.path == Settings().log.path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[lgo]\n", ["lgo", "log"]),
        ('[log]\nmod = "frames"\n', ["log.mod", "'frames'", "mode"]),
        ('[log]\nmode = "all"\n', ["log.mode", "'all'", "changes", "frames"]),
        ("[source]\nwidth = 10\n", ["source.width", "10", "64", "4096"]),
        ("[source]\nwidth = 640.5\n", ["source.width", "640.5", "whole number"]),
        ("[source]\nwidth = true\n", ["source.width", "True", "whole number"]),
        ("[led]\npins = 3\n", ["led.pins", "3", "table"]),
        ("[led.pins]\nhappy = 99\n", ["led.pins.happy", "99", "0", "27"]),
        ("[led.colours]\nhappy = 'red'\n", ["led.colours.happy", "'red'", "#"]),
        ("[source]\nfps = nan\n", ["source.fps", "nan", "0", "240"]),
        ('[source]\nfps = "10"\n', ["source.fps", "'10'", "number"]),
        ("log = 3\n", ["log", "3", "table"]),
        ("[log\n", ["not TOML", "line 1"]),
    ],
)
def test_what_is_not_allowed_is_refused_in_words(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        settings.load(file)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in [str(file), *words]), message


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        settings.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        settings.load(tmp_path / "binary.toml")


@given(st.sampled_from(BOUNDED), st.floats() | st.integers())
def test_numbers_are_taken_exactly_within_their_range(entry: tuple[str, Any], value: float) -> None:
    part, field = entry
    allowed = field.metadata["low"] <= value <= field.metadata["high"]
    kind = type(getattr(getattr(Settings(), part), field.name))
    if allowed and (kind is float or type(value) is int):
        assert getattr(getattr(settings.parse({part: {field.name: value}}), part), field.name) == value
    else:
        with pytest.raises(SettingsError):
            settings.parse({part: {field.name: value}})


TOML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(PARTS) | st.text(), TOML))
def test_anything_else_gives_settings_or_a_settings_error(tables: dict[str, Any]) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(settings.parse(tables), Settings)


def test_a_table_of_values_is_taken_whole() -> None:
    assert settings.override(Settings(), "led.pins={happy = 5, sad = 6}").led.pins == {"happy": 5, "sad": 6}
    assert settings.override(Settings(), 'led.colours={happy = "#f0E442"}').led.colours == {"happy": "#f0E442"}


def test_one_setting_can_be_put_over_the_rest() -> None:
    changed = settings.override(Settings(), "log.mode=frames")
    assert changed.log.mode == "frames"
    assert settings.override(changed, "source.fps=5").source.fps == 5
    assert settings.override(changed, "source.fps = 5").log.mode == "frames"
    for wrong in ("log.mode", "mode=frames", "log.mode=all", "log.none=1"):
        with pytest.raises(SettingsError):
            settings.override(changed, wrong)


def test_every_default_is_within_its_own_range() -> None:
    for part, field in FIELDS:
        value = getattr(getattr(Settings(), part), field.name)
        assert getattr(settings.parse({part: {field.name: value}}), part) == getattr(Settings(), part)
