"""What changed is said, and nothing that somebody might want to keep."""

from __future__ import annotations

from fer_edge.service.settings_changes import changed, in_words, only_at_start
from fer_edge.settings import Settings, parse


def test_nothing_changed() -> None:
    assert changed(Settings(), Settings()) == {}
    assert in_words(Settings(), Settings()) == ""


def test_numbers_switches_and_choices_are_said_and_texts_are_not() -> None:
    new = parse(
        {
            "run": {"sinks": ["log", "mqtt"]},
            "source": {"name": "rtsp://me:secret@camera"},
            "log": {"mode": "frames", "keep_days": 7},
            "webhook": {"headers": {"Authorization": "secret"}, "url": "https://secret"},
        }
    )
    assert changed(Settings(), new) == {
        "run": ("sinks",),
        "source": ("name",),
        "log": ("mode", "keep_days"),
        "webhook": ("url", "headers"),
    }
    words = in_words(Settings(), new)
    assert words == (
        "run.sinks log, console -> log, mqtt; source.name changed; log.mode changes -> frames; "
        "log.keep_days 30.0 -> 7.0; webhook.url changed; webhook.headers changed"
    )


def test_ignored_areas_are_said() -> None:
    """Areas of the frame are no secret."""
    new = parse({"detector": {"ignore": [[0, 0.5, 0.25, 0.5]]}})
    assert in_words(Settings(), new) == "detector.ignore [] -> [[0.0, 0.5, 0.25, 0.5]]"


def test_zone_is_read_at_once() -> None:
    """The rest of [source] counts from the next start on; a zone is like an ignored area."""
    new = parse({"source": {"zone": [0, 0, 0.5, 1], "rotate": 90, "controls": {"AfMode": 0}}})
    assert in_words(Settings(), new) == (
        "source.rotate 0 -> 90; source.zone [] -> [0.0, 0.0, 0.5, 1.0]; source.controls changed"
    )
    assert only_at_start(Settings(), new) == ["source.rotate", "source.controls"]
