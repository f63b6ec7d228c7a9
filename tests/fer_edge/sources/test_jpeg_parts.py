"""JPEGs cut out of what cameras send, and of what no camera should send."""

from __future__ import annotations

import io
import random

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError
from fer_edge.sources.jpeg_parts import (
    MAX_KEPT_BYTES,
    MAX_SCANS,
    MIN_LIMIT_BYTES,
    JpegParts,
    colours_of,
    decode_colours,
    decode_jpeg,
)
from fer_edge.sources.options import TooLargeError
from PIL import Image

MAX_PIXELS = 64 * 48


def jpeg(shade: int, **how: object) -> bytes:
    file = io.BytesIO()
    noise = Image.frombytes("L", (64, 48), random.Random(shade).randbytes(64 * 48))
    noise.save(file, "JPEG", **how)
    return file.getvalue()


PICTURES = [jpeg(shade) for shade in range(4)]
PREVIEW = jpeg(9)  # in an EXIF segment, as cameras have it: with a start and an end of its own
WITH_PREVIEW = [jpeg(shade, exif=b"Exif\0\0" + PREVIEW) for shade in range(4)]
HEADERS = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


def in_parts(head: bytes, pictures: list[bytes] = PICTURES, end: bytes = b"\r\n") -> bytes:
    return b"".join((head % len(p) if b"%d" in head else head) + p + end for p in pictures)


def read(data: bytes, boundary: str = "frame", step: int = 1 << 16, max_pixels: int = MAX_PIXELS) -> list[bytes | None]:
    parts = JpegParts(boundary, max_pixels)
    return [found for at in range(0, len(data), step) for found in parts.feed(data[at : at + step])]


CAMERAS = {
    "as it should be": ("frame", in_parts(b"--frame\r\n" + HEADERS)),
    "previews": ("frame", in_parts(b"--frame\r\n" + HEADERS, WITH_PREVIEW)),
    "dashes in the name": ("--frame", in_parts(b"--frame\r\n" + HEADERS)),
    "four dashes in the parts": ("--frame", in_parts(b"----frame\r\n" + HEADERS)),
    "no name": ("", in_parts(b"--frame\r\n" + HEADERS)),
    "another name": ("other", in_parts(b"--frame\r\n" + HEADERS)),
    "no length": ("frame", in_parts(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n")),
    "no headers": ("frame", in_parts(b"--frame\r\n\r\n")),
    "no empty line": ("frame", in_parts(b"--frame\r\n")),
    "no line after the boundary": ("frame", in_parts(b"--frame")),
    "bare newlines": ("frame", in_parts(b"--frame\nContent-Type: image/jpeg\n\n", end=b"\n")),
    "nothing before a boundary": ("frame", in_parts(b"--frame\r\n" + HEADERS, end=b"")),
    "first boundary missing": ("frame", in_parts(b"--frame\r\n" + HEADERS)[9:]),
    "one boundary alone": ("frame", b"--frame\r\n\r\n" + b"".join(PICTURES)),
    "length 1": ("frame", in_parts(b"--frame\r\nContent-Length: 1\r\n\r\n")),
    "length far too large": ("frame", in_parts(b"--frame\r\nContent-Length: 200000\r\n\r\n")),
    "length below zero": ("frame", in_parts(b"--frame\r\nContent-Length: -5\r\n\r\n")),
    "length in words": ("frame", in_parts(b"--frame\r\nContent-Length: many\r\n\r\n")),
    "type in capitals": ("frame", in_parts(b"--frame\r\nCONTENT-TYPE: Image/JPEG\r\n\r\n")),
    "another type": ("frame", in_parts(b"--frame\r\nContent-Type: text/plain\r\n\r\n")),
    "boundary of one letter": ("x", in_parts(b"--x\r\n\r\n")),
    "bare JPEGs": ("", b"".join(PICTURES)),
    "bare JPEGs with previews": ("", b"".join(WITH_PREVIEW)),
    "bare JPEGs with filling": ("", b"\0\0" + in_parts(b"", end=bytes(300))),
    "progressive": ("frame", in_parts(b"--frame\r\n" + HEADERS, [jpeg(s, progressive=True) for s in range(4)])),
}


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("step", [1 << 16, 1000, 7])
def test_each_camera_is_read(name: str, step: int) -> None:
    """Whatever is wrong with what stands between the pictures, and wherever the network cuts it."""
    boundary, data = CAMERAS[name]
    found = read(data, boundary, step, 4 * MAX_PIXELS)
    assert [picture for picture in found if picture is None] == []
    assert len(found) == 4
    for picture in found:
        with Image.open(io.BytesIO(picture or b"")) as image:
            image.load()
            assert image.size == (64, 48)


def test_picture_is_given_with_its_last_byte() -> None:
    """Not when the next boundary comes, which a slow camera sends a second later."""
    parts = JpegParts("frame", MAX_PIXELS)
    data = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURES[0]
    assert list(parts.feed(data[:-1])) == []
    assert list(parts.feed(data[-1:])) == [PICTURES[0]]


@pytest.mark.parametrize("step", [1 << 16, 7])
@pytest.mark.parametrize("bad", [bytes(1000), PICTURES[0][:-500], PICTURES[0][:200], b"\xff\xd8\xff\xe0\0\0", b""])
def test_damaged_parts_are_counted(bad: bytes, step: int) -> None:
    data = in_parts(b"--frame\r\n" + HEADERS, [PICTURES[0], bad, PICTURES[1], bad, bad, PICTURES[2], PICTURES[3]])
    assert read(data, step=step) == [PICTURES[0], None, PICTURES[1], None, None, PICTURES[2], PICTURES[3]]


def test_cut_off_bare_jpegs_are_counted() -> None:
    data = PICTURES[0] + PICTURES[1][:-500] + PICTURES[2] + PICTURES[3]
    assert read(data, "") == [PICTURES[0], None, PICTURES[2], PICTURES[3]]


def test_second_picture_of_a_part_is_a_preview() -> None:
    """CIPA's multi-picture format; it would be a frame of another size."""
    parts = [PICTURES[0], PICTURES[1] + PREVIEW, PICTURES[2] + PREVIEW, PICTURES[3]]
    assert read(in_parts(b"--frame\r\n\r\n", parts)) == PICTURES


@pytest.mark.parametrize("kind", [b"audio/basic", b"text/xml", b"application/json"])
def test_sound_is_no_damage(kind: bytes) -> None:
    other = b"--frame\r\nContent-Type: %b\r\nContent-Length: 900\r\n\r\n" % kind + b"x" * 900 + b"\r\n"
    data = in_parts(b"--frame\r\n" + HEADERS, PICTURES[:2]) + other + in_parts(b"--frame\r\n" + HEADERS, PICTURES[2:])
    assert read(data) == PICTURES


def test_end_of_the_stream_is_no_damage() -> None:
    assert read(in_parts(b"--frame\r\n" + HEADERS) + b"--frame--\r\n--frame--\r\n") == PICTURES


def test_length_is_checked_before_anything_is_read() -> None:
    with pytest.raises(TooLargeError, match=r"a picture of 2,000\.0 MB, the limit is 0\.262144 MB; choose a smaller"):
        read(b"--frame\r\nContent-Length: 2000000000\r\n\r\n")


@pytest.mark.parametrize("head", [b"--frame\r\n\r\n", b"--frame\r\nContent-Length: 9\r\n\r\n", b""])
@pytest.mark.parametrize("filling", [b"\0" * 1000, b"\xff" * 1000, b"\xff\xfe\x03\xe8" + bytes(998)])
def test_memory_has_a_limit(head: bytes, filling: bytes) -> None:
    """Of a picture that never ends: data, filling or comments."""
    scan = PICTURES[0][:-2] if filling[:2] == b"\0\0" else PICTURES[0][:2]
    parts = JpegParts("frame", MAX_PIXELS)
    assert list(parts.feed(head + scan)) == []
    for _ in range(MIN_LIMIT_BYTES // 1000 - 5):
        assert list(parts.feed(filling)) == []
    with pytest.raises(TooLargeError, match="the limit is"):
        list(parts.feed(filling * 10))


@pytest.mark.parametrize(
    "noise", [random.Random(1).randbytes(5000), b"X-Header: " + b"y" * 990 + b"\r\n", b"\xff\xd8\xff", b"--frame\r\n"]
)
def test_noise_takes_no_memory(noise: bytes) -> None:
    """Nor do headers without an end, nor starts and boundaries alone; a camera that comes to its senses is read."""
    parts = JpegParts("frame", MAX_PIXELS)
    assert list(parts.feed(b"--frame\r\n")) == []
    for _ in range(200):
        assert set(parts.feed(noise)) <= {None}
        assert len(parts._data) < 30_000
    found = list(parts.feed(b"\r\n--frame\r\n\r\n" + b"\r\n--frame\r\n\r\n".join(PICTURES)))
    assert found[-3:] == PICTURES[1:]


def test_pixels_are_checked_before_the_picture_has_come() -> None:
    """A progressive one may have a quarter of them: its decoder holds them all at once, with two bytes a value."""
    with pytest.raises(TooLargeError, match=r"has 64 x 48 pixels .* or raise source\.max_megapixels"):
        read(PICTURES[0][:400], max_pixels=MAX_PIXELS - 1)
    with pytest.raises(TooLargeError, match="a progressive JPEG has 64 x 48 pixels"):
        read(jpeg(0, progressive=True), max_pixels=4 * MAX_PIXELS - 1)


def test_scans_have_a_limit() -> None:
    """Each goes over the whole picture: 2,000 empty ones took 82 seconds."""
    start = PICTURES[0].index(b"\xff\xda")
    scan = PICTURES[0][start : start + 10]
    assert read(PICTURES[0][:-2] + scan * MAX_SCANS + b"\xff\xd9" + PICTURES[1], "")[-1] == PICTURES[1]
    assert read(PICTURES[0][:-2] + scan * MAX_SCANS + b"\xff\xd9", "")[0] is None
    assert read(PICTURES[0][:-2] + scan * (MAX_SCANS - 1) + b"\xff\xd9", "")[0] is not None


@pytest.mark.parametrize("size", [(64, 48), (2000, 1300)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_are_decoded(size: tuple[int, int], mode: str) -> None:
    """Small and large ones, by another decoder, look the same."""
    file = io.BytesIO()
    Image.new("RGB", size, (200, 100, 50)).convert(mode).save(file, "JPEG")
    grey, colours = (decode(file.getvalue(), 3_000_000) for decode in (decode_jpeg, decode_colours))
    assert grey.shape == (size[1], size[0])
    assert abs(int(grey[5, 5]) - 124) < 3
    assert colours.shape == (size[1], size[0], 3)
    wanted = (50, 100, 200) if mode == "RGB" else (124, 124, 124)
    assert abs(colours[5, 5].astype(int) - wanted).max() < 6
    with pytest.raises(SourceError):
        decode_jpeg(b"\xff\xd8\xff" + file.getvalue()[-30:], 3_000_000)
    with pytest.raises(ValueError, match="picture: is "):
        decode_colours(b"\xff\xd8\xff" + file.getvalue()[-30:], 3_000_000)


@pytest.mark.parametrize("size", [(64, 48), (2000, 1300)])
def test_grey_is_that_of_the_colours(size: tuple[int, int]) -> None:
    """Turned as its EXIF says, too: but for rounding, what OpenCV makes of the colours."""
    pixels = cv2.resize(np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8), size)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif, subsampling=0, quality=95)
    grey, colours = (decode(file.getvalue(), 3_000_000) for decode in (decode_jpeg, decode_colours))
    assert grey.shape == size
    difference = grey.astype(int) - cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    assert abs(difference).mean() < 1


def test_large_files_are_not_kept_for_their_colours() -> None:
    small = colours_of(PICTURES[0], MAX_PIXELS)
    assert small is not None
    assert small().shape == (48, 64, 3)
    assert colours_of(PICTURES[0] + bytes(MAX_KEPT_BYTES), MAX_PIXELS) is None
