"""Pictures that are sent are decoded in a process of their own, with little memory and time."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fer_edge.demo import PORTRAIT
from fer_edge.errors import SourceError
from fer_edge.sinks.kiosk import decode, detect
from fer_edge.sinks.kiosk.jobs import CancelledJobError, Job
from PIL import Image, ImageOps

pytestmark = pytest.mark.process
MOST = 1_000_000  # pixels
PORTRAIT_PICTURE = Image.open(PORTRAIT).reduce(4)


@pytest.fixture
def descriptors() -> Iterator[tuple[int, int]]:
    made = os.memfd_create("source"), os.memfd_create("target")
    yield made
    for descriptor in made:
        os.close(descriptor)


def encoded(picture: Any, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def blank(width: int, height: int, form: str = "PNG", mode: str = "L", **options: Any) -> bytes:
    return encoded(Image.new(mode, (width, height)), form, **options)


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again: each goes over the whole picture."""
    whole = blank(1000, 900, "JPEG", "RGB", progressive=True)
    return whole[:-2] + whole[whole.rfind(b"\xff\xda") : -2] * count + whole[-2:]


def many_chunks(count: int) -> bytes:
    whole = blank(10, 10)
    empty = b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4)
    return whole[:33] + empty * count + whole[33:]


BOMBS = {
    "a long column": (blank(1, 16_000_000), "the limit is 16384 on a side"),
    "a long row": (blank(17_000, 1), "the limit is 16384 on a side"),
    "a large PNG": (blank(4000, 4000), "16 megapixels), the limit is 1 megapixels"),
    "a large WebP": (blank(4000, 4000, "WEBP", "RGB"), "16 megapixels), the limit is 0.28"),
    "a large JPEG": (blank(4000, 4000, "JPEG"), "16 megapixels), the limit is 4 megapixels"),
    "a large progressive JPEG": (blank(1500, 1400, "JPEG", progressive=True), "the limit is 1 megapixels"),
    "scans": (many_scans(2000), "more than 50 scans"),
    "chunks": (many_chunks(20_000), "more than 10000 parts"),
    "a PNG that lies": (blank(10, 10)[:16] + (30_000).to_bytes(4) * 2 + blank(10, 10)[24:], "picture: "),
}


@pytest.mark.parametrize(("data", "words"), BOMBS.values(), ids=BOMBS)
def test_bomb_is_refused(data: bytes, words: str, descriptors: tuple[int, int]) -> None:
    """Before it takes memory or time, in words that say what is too much."""
    os.write(descriptors[0], data)
    with pytest.raises(SourceError) as refused:
        detect._decoded(*descriptors, MOST, Job())
    assert words in str(refused.value)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("form", ["PNG"])
def test_pixels_are_as_files_are_read(mode: str, form: str, descriptors: tuple[int, int]) -> None:
    grey = PORTRAIT_PICTURE.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else PORTRAIT_PICTURE.convert(mode)
    expected = grey if mode == "I;16" else picture.convert("RGB").convert("L")
    header, pixels = decoded(encoded(picture, form), descriptors)
    assert header == {"width": 128, "height": 128, "size": [128, 128], "orientation": 1}
    assert np.abs(pixels.astype(int) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize(
    ("form", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True})]
)
def test_lossy_pixels_are_close(form: str, options: Any, descriptors: tuple[int, int]) -> None:
    _, pixels = decoded(encoded(PORTRAIT_PICTURE, form, **options), descriptors)
    assert np.abs(pixels.astype(int) - np.asarray(PORTRAIT_PICTURE.convert("L"))).mean() < 4


def decoded(data: bytes, descriptors: tuple[int, int], most: int = MOST) -> tuple[dict[str, Any], Any]:
    os.write(descriptors[0], data)
    header = detect._decoded(*descriptors, most, Job())
    width, height = header["size"]
    found = os.pread(descriptors[1], width * height, decode.HEADER_BYTES)
    return header, np.frombuffer(found, np.uint8).reshape(height, width)


def test_large_jpeg_is_reduced(descriptors: tuple[int, int]) -> None:
    """A telephone's picture has more pixels than are decoded; the answer is about all of them."""
    header, pixels = decoded(encoded(PORTRAIT_PICTURE.resize((1200, 1000)), "JPEG"), descriptors)
    assert (header["width"], header["height"], pixels.shape) == (1200, 1000, (500, 600))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_turned_upright(orientation: int) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Image.fromarray(pixels)
    picture.getexif()[0x0112] = orientation
    assert np.array_equal(detect._upright(pixels, orientation), np.asarray(ImageOps.exif_transpose(picture)))


def test_decoder_has_little(descriptors: tuple[int, int]) -> None:
    """It may neither open a file nor a connection, nor take memory or write much."""
    program = """
import json, os, socket
from fer_edge.sinks.kiosk.decode import _limit
_limit(1000)
refused = []
for attempt in (lambda: open("/etc/hostname"), lambda: socket.socket(), lambda: os.dup(1), lambda: bytearray(1 << 25)):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        refused.append(type(error).__name__)
print(json.dumps(refused))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["OSError", "OSError", "OSError", "MemoryError"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b'{"width": 10, "height": 10, "size": [1000, 1000], "orientation": 1}',
        b'{"width": 10, "height": 10, "size": [-1, -1], "orientation": 1}',
        b'{"width": 1, "height": 1, "size": [1, 1], "orientation": 9}',
        b'{"size": 3}',
        b'{"width": 1e400, "height": 1, "size": [1, 1], "orientation": 1}',
    ],
)
def test_decoder_is_not_trusted(header: bytes, descriptors: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was taken over may say anything."""
    monkeypatch.setattr(Job, "run_module", lambda *_: (0, "", ""))
    os.write(descriptors[1], header.ljust(decode.HEADER_BYTES + 100))
    with pytest.raises(SourceError, match="its decoder failed"):
        detect._decoded(*descriptors, MOST, Job())


def test_cancelled_job_ends_its_program() -> None:
    """At once, from another thread, and no further one is started."""
    job, raised = Job(), threading.Event()

    def work() -> None:
        try:
            job.run_module("timeit", ["-n1", "import time; time.sleep(60)"], 60)
        except CancelledJobError:
            raised.set()

    thread = threading.Thread(target=work)
    thread.start()
    while job._child is None and thread.is_alive():
        pass
    job.cancel()
    thread.join(10)
    assert raised.is_set()
    with pytest.raises(CancelledJobError):
        job.run_module("timeit", [], 1)
