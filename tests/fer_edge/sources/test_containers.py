"""Whether a file is cut off, by the structure of each container."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.sources.containers import ends_in_zeros, is_cut_off
from hypothesis import given
from hypothesis import strategies as some


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def element(name: str, content: bytes, known: bool = True) -> bytes:
    size = (1 << 56 | len(content)).to_bytes(8) if known else b"\x01" + b"\xff" * 7
    return bytes.fromhex(name) + size + content


def flv_tag(content: bytes) -> bytes:
    return b"\x09" + len(content).to_bytes(3) + bytes(7) + content + (11 + len(content)).to_bytes(4)


def klv(kind: str, content: bytes, short: bool = False) -> bytes:
    """A packet of MXF."""
    length = bytes([len(content)]) if short else b"\x83" + len(content).to_bytes(3)
    return bytes.fromhex("060e2b34020501010d01020101" + kind + "00") + length + content


def ogg_page(flags: int, content: bytes) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + b"\1" + bytes([len(content)]) + content


def ps_packet(content: bytes) -> bytes:
    return b"\0\0\1\xe0" + len(content).to_bytes(2) + content


def nut_value(number: int) -> bytes:
    """A number of NUT, of two bytes at most."""
    return bytes([number]) if number < 128 else bytes([number >> 7 | 0x80, number & 0x7F])


def nut_main(rows: bytes, headers: bytes = b"\0") -> bytes:
    """The beginning and the first packet of NUT."""
    content = bytes([3, 1, 100, 1, 1, 25]) + rows + headers + b"sums"
    return b"nut/multimedia container\0" + bytes.fromhex("4e4d7a561f5f04ad") + nut_value(len(content)) + content


def gxf_packet(kind: str, content: bytes) -> bytes:
    return (
        bytes.fromhex(f"0000000001{kind}") + (16 + len(content)).to_bytes(4) + bytes.fromhex("00000000e1e2") + content
    )


def real_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + (8 + len(content)).to_bytes(4) + content


# Of frames: all begin with one of 255 bytes, which counts to their size, then their stream and the rest of the size.
NUT_ROW = nut_value(16 | 32) + b"\x06" + bytes([0, 1, 0, 0, 0]) + nut_value(255)
# After a 0 stands what the frame has; all others take three bytes that are left out.
NUT_ROWS = nut_value(4096) + b"\x06" + bytes([0, 2, 0, 1, 0, 1])
NUT_ROWS += nut_value(32) + b"\x08" + bytes([0, 1, 0, 0, 0]) + nut_value(254) + bytes([0, 1])
# Its stream, time and size, 1 + 2 * 35; two more numbers; the beginning 1, the two of no meaning, and the check sum.
NUT_FRAME = b"\0" + nut_value(8 | 16 | 32 | 64 | 128 | 1024 | 2048) + bytes([0, 5, 35, 1, 1, 2, 0, 0]) + bytes(4 + 68)
PACK = b"\0\0\1\xba\x44" + bytes(8) + b"\xf9\xff"  # one byte of filling
JPEG = b"\xff\xd8\xff\xe0" + bytes(70) + b"\xff\xd9"
CLUSTER = element("e7", b"\0") + element("a3", b"block" * 9) + element("a0", element("a1", b"block" * 9))
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + (24 + 40).to_bytes(8, "little") + bytes(40)
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c") + (24 + 500).to_bytes(8, "little") + bytes(500)
WHOLE = {
    "mp4": box(b"ftyp", b"isom") + box(b"moov", bytes(90)) + box(b"mdat", bytes(200)),
    "fragments": box(b"ftyp", b"iso5") + 2 * (box(b"moof", bytes(40)) + box(b"mdat", bytes(90))),
    "large": box(b"ftyp", b"isom") + b"\0\0\0\1mdat" + (16 + 90).to_bytes(8) + bytes(90),
    "avi": b"RIFF" + (204).to_bytes(4, "little") + b"AVI " + bytes(200),
    "opendml": 2 * (b"RIFF" + (204).to_bytes(4, "little") + b"AVI " + bytes(200)),
    "mkv": element("1a45dfa3", b"webm") + element("18538067", element("1f43b675", CLUSTER)),
    "live": element("1a45dfa3", b"webm") + element("18538067", 2 * element("1f43b675", CLUSTER), known=False),
    "browser": element("1a45dfa3", b"webm")
    + element("18538067", element("1549a966", b"info") + 2 * element("1f43b675", CLUSTER, known=False), known=False),
    "flv": b"FLV\1\1" + bytes(8) + 3 * flv_tag(bytes(70)),
    "asf": ASF + ASF_DATA,
    "ogg": ogg_page(2, bytes(60)) + ogg_page(0, b"OggS is no page" * 4) + ogg_page(4, bytes(60)),
    "ts": 9 * (b"\x47" + bytes(187)),
    "m2ts": 9 * (b"time\x47" + bytes(187)),
    "ts of DVB": 9 * (b"\x47" + bytes(203)),
    "mpg": 2 * (PACK + 2 * ps_packet(bytes(90))),
    "mpeg-1": b"\0\0\1\xba\x21" + bytes(7) + 2 * ps_packet(bytes(90)),
    "end code": PACK + ps_packet(bytes(90)) + b"\0\0\1\xb9",
    "mjpeg": 3 * JPEG,
    "ivf": b"DKIF\0\0\x20\0VP80" + bytes(20) + 3 * ((70).to_bytes(4, "little") + bytes(8 + 70)),
    "y4m": b"YUV4MPEG2 W6 H5 F25:1\n" + 3 * (b"FRAME\n" + bytes(6 * 5 + 2 * 3 * 3)),
    "y4m of 10 bits": b"YUV4MPEG2 W6 H5 C422p10 F25:1\n" + 3 * (b"FRAME Ip\n" + bytes(2 * (6 * 5 + 2 * 3 * 5))),
    "grey y4m": b"YUV4MPEG2 W6 H5 Cmono\n" + 3 * (b"FRAME\n" + bytes(30)),
    "mxf": klv("0102", bytes(90)) + klv("0301", bytes(40), short=True) + klv("0401", bytes(90)),
    "nut": b"nut/multimedia container\0" + bytes(90) + bytes.fromhex("4e58dd672f23e64e") + b"\x28" + bytes(40),
    "long nut": b"nut/multimedia container\0" + bytes.fromhex("4e58dd672f23e64e") + b"\xa0\x01" + bytes(4 + 4097),
    "nut without index": nut_main(NUT_ROW) + 3 * (b"\3\0" + nut_value(67) + bytes(70)),
    "full nut": nut_main(NUT_ROWS, b"\1\3abc") + NUT_FRAME + b"\4" + nut_value(70) + bytes(70),
    "gxf": gxf_packet("bc", bytes(90)) + 2 * gxf_packet("bf", bytes(90)) + gxf_packet("fb", b""),
    "rm": real_chunk(b".RMF", bytes(10)) + real_chunk(b"DATA", bytes(90))[:-10],  # as FFmpeg counts
    "swf": b"FWS\6" + (90).to_bytes(4, "little") + bytes(82),
    "dv": 2 * (b"\x1f\x07\x00\x3f" + bytes(119_996)),
    "dv of 625 lines": b"\x1f\x07\x00\xbf" + bytes(143_996),
}
AT_THE_END = ("flv", "ivf", "dv", "dv of 625 lines", "nut without index", "full nut")  # by what stands there


@pytest.mark.parametrize("name", WHOLE)
def test_whole_and_cut(tmp_path: Path, name: str) -> None:
    """A whole file is whole, also with other bytes after it; without its last 20 bytes it is cut off."""
    path = tmp_path / name
    path.write_bytes(WHOLE[name])
    assert not is_cut_off(path)
    path.write_bytes(WHOLE[name][:-20])
    assert is_cut_off(path)
    if name not in AT_THE_END:
        path.write_bytes(WHOLE[name] + b"\0\0\0\x09a signature")
        assert not is_cut_off(path)


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\0\0\0\0AVI " + bytes(200),  # written to a pipe, which cannot be gone back in
        b"RIFF\xff\xff\xff\xffAVI " + bytes(200),
        box(b"ftyp", b"isom") + box(b"moov", bytes(90)) + b"\0\0\0\0mdat" + bytes(90),  # to the end of the file
        WHOLE["mp4"] + b"\0\0\1\0free",  # of filling nothing is missed
        b"\x47" + bytes(187),  # too short to be MPEG-TS
        ogg_page(2, bytes(60)) + ogg_page(0, bytes(60)) + b"TAG",
        b"YUV4MPEG2 W6 H5 Cstrange\nFRAME\n" + bytes(4),
        b"YUV4MPEG2 Wide\nFRAME\n" + bytes(4),
        PACK + ps_packet(bytes(90)) + bytes(2000),  # a DVD fills its sectors up
        b"",
    ],
)
def test_unknown_end_is_no_cut(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert not is_cut_off(path)


def test_ogg_ends_with_a_last_page(tmp_path: Path) -> None:
    """A cut between two pages is known, too."""
    path = tmp_path / "a"
    path.write_bytes(WHOLE["ogg"][: -len(ogg_page(4, bytes(60)))])
    assert is_cut_off(path)


@given(some.sampled_from(sorted(WHOLE)), some.binary(max_size=300))
def test_any_bytes_are_survived(tmp_path_factory: pytest.TempPathFactory, name: str, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "odd"
    path.write_bytes(WHOLE[name][: len(WHOLE[name]) // 2] + rest)
    assert is_cut_off(path) in (True, False)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".nut"])
def test_real_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for _ in range(20):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    whole = path.read_bytes()
    assert not is_cut_off(path)
    for share in (0.4, 0.8, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        assert is_cut_off(path)


def test_nut_needs_no_index(tmp_path: Path) -> None:
    """As `ffmpeg -write_index 0` writes it: whole as it is, and a cut within its last frame is seen."""
    path = tmp_path / "a.nut"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for _ in range(20):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(bytes.fromhex("4e58dd672f23e64e"))])
    assert not is_cut_off(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert is_cut_off(path)


@pytest.mark.parametrize(
    "rows",
    [nut_value(8192) + b"\x06" + bytes([0, 1, 0, 0, 0]) + nut_value(255), b"\0\6\0\1\0\0\0\0", b"\x80" * 20],
)
def test_odd_nut_is_no_cut(tmp_path: Path, rows: bytes) -> None:
    """No frame may begin so, a row of nothing, a number without an end."""
    path = tmp_path / "a.nut"
    path.write_bytes(nut_main(rows) + b"\3\0\0")
    assert not is_cut_off(path)


def test_end_that_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content, zeros in ((b"x" + bytes(5000), True), (bytes(5000) + b"x", False), (b"x", False)):
        path.write_bytes(content)
        assert ends_in_zeros(path) is zeros
