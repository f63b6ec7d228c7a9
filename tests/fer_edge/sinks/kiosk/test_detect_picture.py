"""A picture that is sent is read as `fer-edge detect` reads it; what is none is refused; nothing is kept."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_edge.classifiers.cards import models_folder
from fer_edge.demo import PORTRAIT
from fer_edge.errors import ModelError, SourceError
from fer_edge.service.model_update import ModelWatcher
from fer_edge.settings import parse
from fer_edge.sinks.kiosk.api import MAX_WAITING_REQUESTS
from fer_edge.sinks.kiosk.detect import PictureReader
from fer_edge.sinks.kiosk.jobs import Job
from fer_edge.sinks.kiosk.uploads import Upload
from fer_edge.sources import array
from fer_edge.sources.options import SourceOptions
from PIL import Image

House = Callable[..., Any]
ASTRONAUT = PORTRAIT.read_bytes()


def picture(form: str, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "grey").save(out, form)
    return out.getvalue()


def send(built: Any, data: bytes, kind: str = "image/jpeg") -> Any:
    return built.ask("/api/v1/detect", "POST", data, Content_Type=kind)


def test_the_face_in_it_is_read(house: House, tmp_path: Path) -> None:
    built = house()
    for _ in range(2):  # the second knows nothing of the first
        found = send(built, ASTRONAUT).json
        assert (found["width"], found["height"]) == (512, 512)
        (face,) = found["faces"]
        assert (face["id"], face["emotion"]) == (1, "happy")
        assert face["confidence"] > 0.8
    assert list(tmp_path.iterdir()) == []
    assert built.ask("/api/v1/now").json["faces"] == []


def test_sent_picture_has_no_ignored_areas(house: House) -> None:
    """`detector.ignore` is about the camera's frame, not about a picture that was sent."""
    built = house(detector={"ignore": [[0, 0, 1, 1]]})
    assert len(send(built, ASTRONAUT).json["faces"]) == 1


def test_sent_picture_has_no_zone(house: House) -> None:
    built = house(source={"zone": [0, 0, 0.1, 0.1]})
    assert len(send(built, ASTRONAUT).json["faces"]) == 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_picture_without_a_face(form: str, house: House) -> None:
    """A picture without a face has none."""
    found = {"width": 64, "height": 48, "faces": [], "colours": {"uncertain": "#c8c8c8"}}
    assert send(house(), picture(form), f"image/{form.lower()}").json == found


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "send a picture as the body"),
        (b"hello", 422, "not a picture that can be read; known are JPEG, PNG, WEBP"),
        (ASTRONAUT[: len(ASTRONAUT) // 2], 422, "cut off or damaged"),
        (ASTRONAUT[:20], 422, "picture: is"),
        (np.random.default_rng(1).bytes(9000), 422, "not a picture"),
        (picture("GIF"), 422, "not a picture"),
        (picture("TIFF"), 422, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", 422, "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not a picture"),
        (picture("PNG", (600, 600)), 422, "has 600 x 600 pixels (0.4 megapixels), the limit is 0.3 megapixels"),
    ],
)
def test_non_picture_is_refused(
    data: bytes, status: int, words: str, house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no picture is refused and nothing else happens."""
    built = house(picture_megapixels=0.3)
    before = built.ask("/api/v1/status").json
    answer = send(built, data)
    assert (answer.status, words in answer.json["error"]) == (status, True), answer.text
    after = built.ask("/api/v1/status").json
    assert before | {"uptime_seconds": 0} == after | {"uptime_seconds": 0}
    assert "Traceback" not in capfd.readouterr().err


def test_the_kiosks_own_limit_holds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture within `kiosk.picture_megapixels` is read, whatever the limit for files is."""
    monkeypatch.setattr(array, "SourceOptions", lambda: SourceOptions(max_pixels=100))
    assert len(send(house(), ASTRONAUT).json["faces"]) == 1


@pytest.mark.slow
def test_decompression_bomb_is_refused(house: House) -> None:
    """20,000 x 20,000 pixels of nothing are 50 kB as PNG, and 1.2 GB in memory."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    answer = send(house(), out.getvalue(), "image/png")
    assert (answer.status, "20000 x 20000 pixels" in answer.json["error"]) == (422, True)


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data; boundary=x", "image/svg+xml", "image/gif"])
def test_another_type_is_refused(kind: str, house: House) -> None:
    answer = send(house(), ASTRONAUT, kind)
    assert (answer.status, "must be one of image/jpeg" in answer.json["error"]) == (415, True)


def test_client_that_disconnects_does_no_harm(house: House) -> None:
    """A sender that goes away harms nobody."""
    built = house()
    head = (
        b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 5000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", built.port)) as connection:
        connection.sendall(head + bytes(100))
    assert send(built, picture("PNG"), "image/png").status == 200


def test_picture_queue_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd waits in a short line."""
    entered, gate = threading.Semaphore(0), threading.Event()

    def slow(reader: Any, picture: Any, job: Any) -> dict[str, Any]:
        entered.release()
        assert gate.wait(10)
        raise SourceError("enough")

    monkeypatch.setattr("fer_edge.sinks.kiosk.detect.PictureReader.read", slow)
    built = house()
    answers: list[int] = []
    people = [
        threading.Thread(target=lambda: answers.append(send(built, b"x").status))
        for _ in range(MAX_WAITING_REQUESTS + 1)
    ]
    for person in people:
        person.start()
    assert entered.acquire(timeout=10)
    statuses = []
    while 429 not in statuses:  # until all of them stand in line
        extra = threading.Thread(target=lambda: statuses.append(send(built, b"x").status))
        extra.start()
        extra.join(0.05)
        assert len(people) < 50
        people.append(extra)
    gate.set()
    for person in people:
        person.join(10)
    assert set(answers) <= {422, 429}
    assert built.ask("/healthz").status == 200


def _upload(data: bytes) -> Upload:
    upload = Upload()
    upload.write(data)
    return upload


def test_swapped_model_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next picture is read by the new model; by the old one, with a message, while the new one is damaged."""
    float32, int8 = (models_folder() / f"mini_xception-{variant}.tflite" for variant in ("float32", "int8"))
    model = tmp_path / "own.tflite"

    def install(source: Path, content: bytes | None = None) -> None:
        card = json.loads(source.with_suffix(".json").read_text())
        data = source.read_bytes()
        card["file"] = model.name
        model.with_suffix(".json").write_text(json.dumps(card))
        model.write_bytes(data if content is None else content)

    install(float32)
    settings = parse({"classifier": {"model": str(model)}, "detector": {"name": "fake"}})
    reader, now = PictureReader(settings), [0.0]
    reader._watcher = ModelWatcher(settings.classifier, lambda: now[0])

    def read() -> Any:
        now[0] += 100.0
        return reader.read(_upload(ASTRONAUT), Job())["faces"][0]["scores"]

    first = read()
    install(int8)
    read()  # a copy that goes on is waited for
    second = read()
    assert second != first
    install(float32, b"damaged")
    assert [read(), read()] == [second, second]
    assert "pictures that are sent are read with the model of before" in caplog.text
    install(float32)
    read()
    assert read() == first


def test_damaged_model_is_a_message(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no traceback, where there is no model of before."""

    def broken(**_: Any) -> None:
        raise ModelError("model x.tflite: is cut off; copy it again")

    monkeypatch.setattr("fer_edge.sinks.kiosk.detect.Reader", broken)
    answer = send(house(), picture("PNG"), "image/png")
    assert (answer.status, answer.json) == (503, {"error": "model x.tflite: is cut off; copy it again"})
