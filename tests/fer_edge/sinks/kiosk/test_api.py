"""The API says what is so, takes what it should, and refuses the rest in words."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge import __version__
from fer_edge.classifiers import tflite
from fer_edge.errors import SinkError
from fer_edge.settings import ClassifierSettings, LogSettings
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.kiosk.calendar import zone_name
from fer_edge.sinks.log import Log
from fer_edge.sinks.program import Program
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import EMOTIONS, UNCERTAIN, Event, Observation, Sink

House = Callable[..., Any]
Make = Callable[..., Observation]
BEGIN = "2026-01-01T12:00:00Z"


def test_the_status(house: House, make_observation: Make, with_event: Make) -> None:
    built = house()
    built.sink.state("running")
    built.sink.write(with_event(make_observation(41, "happy"), "came"))
    status = built.ask("/api/v1/status").json
    assert status.pop("uptime_seconds") >= 0
    assert status == {
        "version": __version__,
        "state": "running",
        "paused": False,
        "frames": 42,
        "events": {"came": 1, "changed": 0, "gone": 0},
        "viewers": 0,
        "live": False,
        "log": True,
    }


def test_now_is_what_was_seen_last(house: House, make_observation: Make) -> None:
    built = house()
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy"))
    built.sink.write(make_observation(2, "sad", "happy"))
    now = built.ask("/api/v1/now").json
    assert (now["state"], now["frame"], now["time"]) == ("running", 2, "2026-01-01T12:00:00.080000+00:00")
    assert [(face["id"], face["emotion"], face["confidence"]) for face in now["faces"]] == [
        (1, "sad", 0.7),
        (2, "happy", 0.7),
    ]


def test_pause_and_resume(house: House) -> None:
    built = house()
    assert built.ask("/api/v1/pause", "POST").json == {"state": "starting", "paused": True}
    assert built.pause_switch.paused
    assert built.ask("/api/v1/pause", "POST").json["paused"] is True  # not toggled
    assert built.ask("/api/v1/resume", "POST").json["paused"] is False
    assert not built.pause_switch.paused


@pytest.mark.parametrize("path", ["status", "now", "history", "openapi.json"])
def test_an_unknown_parameter_is_refused(path: str, house: House) -> None:
    answer = house().ask(f"/api/v1/{path}?since=1")
    assert answer.status == 400
    assert answer.json["error"].startswith("'since': unknown parameter; allowed are ")


def test_unknown_path_is_refused(house: House) -> None:
    """An unknown path says where to begin."""
    answer = house().ask("/api/v2/status")
    assert answer.status == 404
    assert answer.json == {"error": "/api/v2/status: no such page; the first one is /"}


def test_metrics_are_as_prometheus_reads_them(house: House, make_observation: Make, with_event: Make) -> None:
    built = house()
    built.sink.state("running")
    seen = with_event(make_observation(9, "happy", "happy", "sad"))
    built.sink.write(dataclasses.replace(seen, frame=dataclasses.replace(seen.frame, damaged=3)))
    answer = built.ask("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    for line in (
        f'fer_edge_info{{version="{__version__}"}} 1',
        'fer_edge_state{state="running"} 1',
        'fer_edge_state{state="lost"} 0',
        "fer_edge_frames_total 10",
        "fer_edge_damaged_frames_total 3",
        'fer_edge_faces{emotion="happy"} 2',
        'fer_edge_faces{emotion="sad"} 1',
        'fer_edge_faces{emotion="fear"} 0',
        'fer_edge_events_total{kind="changed"} 1',
        "fer_edge_last_frame_timestamp_seconds 1767268800.360",
    ):
        assert line in lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["fer_edge_time_seconds"]) == pytest.approx(time.time(), abs=60)
    assert float(values["process_start_time_seconds"]) < time.time()
    assert 1e6 < float(values["process_resident_memory_bytes"]) < 1.1 * float(values["fer_edge_peak_memory_bytes"])
    assert 0 <= float(values["fer_edge_disk_free_bytes"]) <= float(values["fer_edge_disk_size_bytes"])
    names = [line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")]
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert list(dict.fromkeys(names)) == typed  # each has its head, and stands together
    assert answer.text.endswith("\n")


def test_empty_room_counts_as_nobody(house: House, make_observation: Make, with_event: Make) -> None:
    """Averages over a day need a 0 for each emotion; while the camera is off nothing is known."""
    built = house()
    built.sink.write(with_event(make_observation(1, "happy")))
    built.sink.write(make_observation(2))
    lines = built.ask("/metrics").text.splitlines()
    for emotion in (*EMOTIONS, UNCERTAIN):
        assert f'fer_edge_faces{{emotion="{emotion}"}} 0' in lines
    assert 'fer_edge_emotions_total{emotion="happy"} 1' in lines
    built.sink.state("lost")
    lines = built.ask("/metrics").text.splitlines()
    assert not [line for line in lines if line.startswith("fer_edge_faces{")]
    assert 'fer_edge_emotions_total{emotion="happy"} 1' in lines


class Full(Sink):
    def write(self, observation: Observation) -> None:
        raise SinkError("full")

    def close(self) -> None:
        return


def test_metrics_tell_of_outputs_and_the_model(house: House, make_observation: Make) -> None:
    """What the alert rules in deploy/prometheus look at."""
    lines = house().ask("/metrics").text
    card = tflite.chosen(ClassifierSettings())[0]
    assert f'fer_edge_model_info{{model="{card.name}",sha256="{card.sha256}"}} 1' in lines
    full = Guarded("log", Full())
    built = house()
    built.sink.attach(Program(Stopwatch(), "", str, lambda: [full], None))
    assert 'fer_edge_output_failing{output="log"} 0' in built.ask("/metrics").text
    full.write(make_observation(1))
    assert 'fer_edge_output_failing{output="log"} 1' in built.ask("/metrics").text


def write_log(path: str, make_observation: Make, **settings: Any) -> None:
    """Ten seconds: happy from 0 to 4, sad from 4 to 10."""
    log = Log(LogSettings(path=path, **settings))
    for second in range(11):
        seen = make_observation(25 * second, "happy" if second < 4 else "sad")
        kind = {0: "came", 4: "changed", 10: "gone"}.get(second)
        events = (Event(kind, seen.faces[0]),) if kind else ()  # type: ignore[arg-type]
        log.write(Observation(seen.frame, seen.faces if kind != "gone" else (), events))
    log.close()


@pytest.mark.parametrize("store", ["disk", "memory"])
def test_the_history_is_the_log_s(store: str, house: House, make_observation: Make, tmp_path: Path) -> None:
    path = str(tmp_path / f"{store}.jsonl")
    write_log(path, make_observation, store=store)
    built = house(log={"store": store, "path": path})
    found = built.ask("/api/v1/history?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00%2B00:00").json
    assert found["from"] == "2026-01-01T00:00:00+00:00"
    assert (found["faces"], found["changes"], found["crowd"], found["watched_seconds"]) == (1, 1, 1, 70)
    shares = {one["emotion"]: (one["seconds"], one["share"]) for one in found["emotions"] if one["seconds"]}
    assert shares == {"happy": (4, 0.4), "sad": (6, 0.6)}
    assert found["columns"] == [
        {"time": "2026-01-01T12:00:00+00:00", "watched_seconds": 70, "seconds": {"happy": 4, "sad": 6}}
    ]


def test_history_has_the_requested_time_only(house: House, make_observation: Make, tmp_path: Path) -> None:
    """The history keeps to what is asked for."""
    write_log(str(tmp_path / "log.jsonl"), make_observation)
    found = house().ask("/api/v1/history?from=2026-01-01T12:00:02Z&to=2026-01-01T12:00:05Z").json
    assert {one["emotion"]: one["seconds"] for one in found["emotions"] if one["seconds"]} == {"happy": 2, "sad": 1}


def test_without_times_it_is_today(house: House, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").touch()
    found = house().ask("/api/v1/history").json
    begin, end = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    assert (begin.hour, begin.minute, begin.second) == (0, 0, 0)
    assert timedelta(0) < end - begin <= timedelta(hours=25)
    assert abs(datetime.now(UTC) - end) < timedelta(minutes=5)
    assert found["columns"] == []


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("from=yesterday", 400, "from 'yesterday': not a time"),
        ("from=2026-01-01", 400, "not a time"),
        ("from=2026-01-01T12:00:00", 400, "not a time"),  # in which zone?
        ("from=2026-02-30T12:00:00Z", 400, "not a time"),
        ("to=0001-01-01T00:00:00%2B14:00", 400, "not a time"),
        (f"from={BEGIN}&from={BEGIN}", 400, "given twice"),
        (f"from={BEGIN}&to=2026-01-01T11:00:00Z", 422, "`to` must be after `from`"),
        (f"from={BEGIN}&to=2027-01-01T11:00:00Z", 422, "by 200 days at most"),
    ],
)
def test_invalid_time_is_refused(query: str, status: int, words: str, house: House) -> None:
    """A time that makes no sense is refused."""
    answer = house().ask(f"/api/v1/history?{query}")
    assert (answer.status, words in answer.json["error"]) == (status, True), answer.text


def test_no_log_means_no_history(house: House, tmp_path: Path) -> None:
    """Without a log there is no history."""
    answer = house(sinks=("kiosk",)).ask("/api/v1/history")
    assert (answer.status, "add log to run.sinks" in answer.json["error"]) == (404, True)
    path = tmp_path / "log.jsonl"
    fix = "check log.path in the settings, and that fer-edge may read it"  # a page has no --log
    for word in ("no such log", "is not a fer-edge log", "cannot be read (Not a directory)"):
        answer = house(log={"path": str(path)}).ask("/api/v1/history")
        assert (answer.status, answer.json["error"]) == (404, f"log {path}: {word}; {fix}")
        (tmp_path / "log.jsonl").write_text("notes to self")
        if word.startswith("is not"):
            path = path / "log.jsonl"


def test_slow_log_is_not_a_missing_one(
    house: House, make_observation: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks again gets it, since reading goes on from where it ended."""
    write_log(str(tmp_path / "log.jsonl"), make_observation)
    monkeypatch.setattr("fer_edge.sinks.kiosk.history.READ_TIMEOUT_S", 0.0)
    answer = house().ask("/api/v1/history?day=2026-01-01")
    assert (answer.status, "to read; ask again" in answer.json["error"]) == (503, True)


def test_torn_lines_are_told_of(house: House, make_observation: Make, tmp_path: Path) -> None:
    """Whether the history is read by the index or line by line."""
    path = tmp_path / "log.jsonl"
    write_log(str(path), make_observation)
    with path.open("ab") as file:
        file.write(b'{"time": "2026-01-01T12:00:05+00:00", "sou\n')
    built = house()
    for query, count in (("day=2026-01-01", 1), ("from=2026-01-01T12:00:02Z&to=2026-01-01T12:00:07Z", 1)):
        assert built.ask(f"/api/v1/history?{query}").json["torn"] == count
    assert built.ask("/api/v1/history?day=2026-01-02").json["torn"] == 0


def test_browser_gets_a_page_of_what_is_missing(house: House) -> None:
    """In the page's language; a program gets JSON, and so does everybody who asks the API."""
    built = house(language="de")
    for path, words in (("/live", "live = true"), ("/no/such", "Diese Seite gibt es nicht")):
        answer = built.ask(path, Accept="text/html,*/*")
        assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert words in answer.text
    assert "no such page" in built.ask("/live").json["error"]
    assert "no such page" in built.ask("/api/v1/no", Accept="text/html").json["error"]


@pytest.mark.parametrize("sinks", [("log",), ()])
def test_today_is_offered_with_a_log(sinks: tuple[str, ...], house: House) -> None:
    assert ('href="/history" hidden' in house(sinks=sinks).ask("/").text) == (not sinks)


def test_index_is_kept_without_a_visitor(
    house: House, make_observation: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every hour what was logged is added up, so that nobody waits for it."""
    done = threading.Event()
    monkeypatch.setattr("fer_edge.sinks.kiosk.api.INDEX_INTERVAL_S", 0.01)
    monkeypatch.setattr("fer_edge.sinks.kiosk.api.history", lambda *_: done.set())
    built = house()
    assert done.wait(10)
    built.sink.close()


@pytest.mark.parametrize(
    ("query", "begin", "end", "seconds", "file"),
    [
        ("day=2026-01-01", "2026-01-01", "2026-01-02", 900, "2026-01-01"),
        ("week=2026-01-01", "2025-12-29", "2026-01-05", 7200, "2026-week-01"),
        ("month=2026-01", "2026-01-01", "2026-02-01", 86_400, "2026-01"),
    ],
)
@pytest.mark.parametrize("store", ["disk", "memory"])
def test_history_of_a_day_a_week_a_month(
    store: str,
    query: str,
    begin: str,
    end: str,
    seconds: int,
    file: str,
    house: House,
    make_observation: Make,
    tmp_path: Path,
) -> None:
    """Of this device's time zone, which is named, as JSON and as a table."""
    path = str(tmp_path / f"{query}-{store}.jsonl")
    write_log(path, make_observation, store=store)
    built = house(log={"store": store, "path": path})
    found = built.ask(f"/api/v1/history?{query}").json
    local = [datetime.fromisoformat(found[name]).astimezone().replace(tzinfo=None) for name in ("from", "to")]
    assert local == [datetime.fromisoformat(begin), datetime.fromisoformat(end)]
    assert found["column_seconds"] == seconds
    assert found["time_zone"] == zone_name()
    assert datetime.fromisoformat(found["log_begin"]).date().isoformat() == "2026-01-01"
    (column,) = found["columns"]
    assert column["seconds"] == {"happy": 4, "sad": 6}
    answer = built.ask(f"/api/v1/history.csv?{query}")
    assert answer.headers["content-disposition"] == f'attachment; filename="fer-edge-{file}.csv"'
    head, row = (line.split(",") for line in answer.text.splitlines())
    assert head[:2] == ["time", "watched_seconds"]
    cells = dict(zip(head, row, strict=True))
    assert (cells["watched_seconds"], cells["happy"], cells["sad"], cells["uncertain"]) == ("70.0", "4.0", "6.0", "0")
    assert datetime.fromisoformat(cells["time"]) == datetime.fromisoformat(column["time"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("day=yesterday", "day 'yesterday': not a day; write it as 2026-01-31"),
        ("day=2026-02-30", "not a day"),
        ("day=0001-01-01", "not a day"),
        ("month=2026-13", "month '2026-13': not a month; write it as 2026-01"),
        ("month=9999-12", "month '9999-12': "),
        ("week=9999-12-31", "week '9999-12-31': "),
        ("day=2999-01-01", "day '2999-01-01': has not begun yet"),
        ("day=2026-01-01&week=2026-01-01", "day, week: give one of day, week, month, or from and to"),
        (f"day=2026-01-01&from={BEGIN}", "give one of"),
    ],
)
def test_no_such_day_is_refused(query: str, words: str, house: House) -> None:
    answer = house().ask(f"/api/v1/history?{query}")
    assert (answer.status, words in answer.json["error"]) == (400, True), answer.text
