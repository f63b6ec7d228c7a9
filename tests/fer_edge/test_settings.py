"""Settings are strict: what is not allowed is refused with its key, its value and what is allowed."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
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


def test_file_changes_only_its_keys(tmp_path: Path) -> None:
    """A file changes the settings that it names, and no others."""
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
        ("[classifier]\nprior = -0.5\n", ["classifier.prior", "-0.5", "from 0 to 1, or -1"]),
        ("[source]\nrotate = 45\n", ["source.rotate = 45", "0, 90, 180, 270"]),
        ("[source]\nrotate = 90.0\n", ["source.rotate = 90.0", "a whole number"]),
        ("[source]\nflip = 1\n", ["source.flip = 1", "true or false"]),
        ("[source]\nzone = [0.1, 0.2, 0.3]\n", ["source.zone = [0.1, 0.2, 0.3]", "has 3 numbers"]),
        ("[source]\nzone = [0.5, 0, 0.6, 1]\n", ["source.zone", "reaches out of the frame"]),
        ("[source]\nzone = [[0, 0, 1, 1]]\n", ["source.zone", "in numbers"]),
        ("[source]\ncontrols = 3\n", ["source.controls = 3", "must be a table"]),
        ("[source.v4l2]\ngain = 2026-01-01\n", ["source.v4l2.gain", "must be a number, true, false, a text"]),
        ("[detector]\nignore = 3\n", ["detector.ignore = 3", "a list of [x, y, width, height]"]),
        ("[detector]\nignore = [0.1, 0.2, 0.3, 0.4]\n", ["detector.ignore[0] = 0.1", "[[0.7, 0.1, 0.2, 0.3]]"]),
        ("[detector]\nignore = [[0.1, 0.2, 0.3]]\n", ["ignore[0] = [0.1, 0.2, 0.3]", "has 3 numbers"]),
        ("[detector]\nignore = [[0, 0, 1, 1], [0, 0, 0, 1]]\n", ["ignore[1]", "covers nothing", "above 0"]),
        ("[detector]\nignore = [[10, 20, 30, 40]]\n", ["ignore[0]", "from 0 to 1", "divide pixels"]),
        ("[detector]\nignore = [[0.1, -0.2, 0.3, 0.4]]\n", ["ignore[0]", "-0.2", "from 0 to 1"]),
        ("[detector]\nignore = [[0.1, 0.2, 0.3, nan]]\n", ["ignore[0]", "nan", "from 0 to 1"]),
        ("[detector]\nignore = [[0.8, 0.2, 0.3, 0.4]]\n", ["ignore[0]", "reaches out of the frame"]),
        ("[detector]\nignore = [[0.1, 0.2, 0.3, true]]\n", ["ignore[0]", "True", "in numbers"]),
        ('[detector]\nignore = [["0.1", 0, 1, 1]]\n', ["ignore[0]", "'0.1'", "in numbers"]),
        (f"[detector]\nignore = {[[0, 0, 1, 1]] * 300}\n", ["detector.ignore", "300 areas", "32 at most"]),
        ('mqtt = "geheim"\n', ["mqtt: not a table"]),
        ('[mqtt]\npassword = "geheim"\n', ["mqtt.password: unknown key"]),
        ('[mqtt]\nhost = "mqtt://ann:geheim@broker"\n', ["mqtt.host: must look like broker.local"]),
        ('[webhok]\nurl = "geheim"\n', ["webhok: unknown", "webhook"]),
        ('[webhook.headers]\nAuthorization = ["geheim"]\n', ["webhook.headers.Authorization: must be text"]),
        ('[source]\nname = ["rtsp://ann:geheim@host"]\n', ["source.name: must be text"]),
        ("log = 3\n", ["log", "3", "table"]),
        ("[log\n", ["not TOML", "line 1"]),
    ],
)
def test_disallowed_value_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    """What is not allowed is refused with key, value and what is allowed."""
    file = tmp_path / "fer-edge.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        settings.load(file)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in [str(file), *words]), message
    assert "geheim" not in message


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file that is missing or not text is refused."""
    with pytest.raises(SettingsError, match="No such file"):
        settings.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        settings.load(tmp_path / "binary.toml")


@given(st.sampled_from(BOUNDED), st.floats() | st.integers())
def test_ranges_are_exact(entry: tuple[str, Any], value: float) -> None:
    """Numbers are accepted within their range, limits included."""
    part, field = entry
    allowed = field.metadata["low"] <= value <= field.metadata["high"] or value == field.metadata["unset"]
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
def test_any_input_gives_settings_or_error(tables: dict[str, Any]) -> None:
    """Any input gives settings or a SettingsError."""
    with contextlib.suppress(SettingsError):
        assert isinstance(settings.parse(tables), Settings)


def test_table_value_replaces_the_default() -> None:
    """A table of values replaces the default as a whole."""
    assert settings.override(Settings(), "led.pins={happy = 5, sad = 6}").led.pins == {"happy": 5, "sad": 6}
    assert settings.override(Settings(), 'led.colours={happy = "#f0E442"}').led.colours == {"happy": "#f0E442"}


def test_areas_are_read_from_both(tmp_path: Path) -> None:
    """Areas of the frame come from a file or one override; those that end at the frame's edge are in it."""
    file = tmp_path / "fer-edge.toml"
    file.write_text("[detector]\nignore = [[0.1, 0.2, 0.3, 0.4], [0.7, 0, 0.3, 1]]\n")
    areas = ((0.1, 0.2, 0.3, 0.4), (0.7, 0.0, 0.3, 1.0))
    assert settings.load(file).detector.ignore == areas
    text = "detector.ignore=[[0.1, 0.2, 0.3, 0.4], [0.7, 0, 0.3, 1]]"
    assert settings.override(Settings(), text).detector.ignore == areas
    assert settings.override(settings.load(file), "detector.ignore=[]").detector.ignore == ()
    assert settings.parse({"detector": {"ignore": areas}}).detector.ignore == areas


def test_override_changes_one_setting() -> None:
    """One setting can be overridden."""
    changed = settings.override(Settings(), "log.mode=frames")
    assert changed.log.mode == "frames"
    assert settings.override(changed, "source.fps=5").source.fps == 5
    assert settings.override(changed, "source.fps = 5").log.mode == "frames"
    for wrong in ("log.mode", "mode=frames", "log.mode=all", "log.none=1"):
        with pytest.raises(SettingsError):
            settings.override(changed, wrong)


def test_defaults_are_in_range() -> None:
    """Every default is within its own range."""
    for part, field in FIELDS:
        value = getattr(getattr(Settings(), part), field.name)
        assert getattr(settings.parse({part: {field.name: value}}), part) == getattr(Settings(), part)


def test_values_of_numpy_are_taken() -> None:
    """A program may give numbers and arrays as it has them, and paths."""
    given = {
        "detector": {"max_faces": np.int32(4), "min_face": np.float32(0.5), "ignore": np.array([[0, 0, 0.5, 0.5]])},
        "log": {"path": Path("log.jsonl")},
        "led": {"active_high": np.bool_(False)},
    }
    parsed = settings.parse(given)
    assert (parsed.detector.max_faces, parsed.detector.min_face) == (4, 0.5)
    assert parsed.detector.ignore == ((0.0, 0.0, 0.5, 0.5),)
    assert (parsed.log.path, parsed.led.active_high) == ("log.jsonl", False)
    with pytest.raises(SettingsError, match=r"detector.max_faces = 2.5: must be a whole number, not float"):
        settings.parse({"detector": {"max_faces": np.float32(2.5)}})


def test_camera_s_own_controls_and_place(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(
        "[source]\nrotate = 270\nflip = true\nzone = [0, 0.1, 0.5, 0.9]\n"
        '[source.controls]\nAwbMode = "Indoor"\nColourGains = [1.5, 2]\n[source.v4l2]\ngain = 3\n'
    )
    source = settings.load(file).source
    assert (source.rotate, source.flip, source.zone) == (270, True, (0, 0.1, 0.5, 0.9))
    assert source.controls == {"AwbMode": "Indoor", "ColourGains": [1.5, 2]}
    assert source.v4l2 == {"gain": 3}
    assert settings.override(settings.load(file), "source.zone=[]").source.zone == ()
