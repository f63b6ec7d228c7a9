"""TIFFs of many kinds, written here byte for byte: by microscopes, scanners, and cameras."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_edge.errors import SourceError
from fer_edge.sources import open_files
from fer_edge.sources.folder import PictureFolder
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import read_picture

RAMP = np.arange(256).reshape(16, 16)
WHITE_IS_ZERO = {262: 0}
REDUCED, SUB_PAGE, DNG = {254: 1}, {330: 8}, {50706: 1}


def put(path: Path, values: Any, more: dict[int, int] | None = None) -> Path:
    """A TIFF of one page with `values`, (height, width) or (planes, height, width); `more`: its tags."""
    samples, bits = (values.shape[0] if values.ndim == 3 else 1), values.dtype.itemsize * 8
    entries = [
        (256, 4, 1, values.shape[-1]),
        (257, 4, 1, values.shape[-2]),
        (258, 3, samples, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 1 if samples == 1 else 2),
        (273, 4, samples, 0),
        (277, 3, 1, samples),
        (278, 4, 1, values.shape[-2]),
        (279, 4, samples, values.nbytes // samples),
        (284, 3, 1, 1 if samples == 1 else 2),
        (339, 3, samples, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]),
    ]
    entries = [entry for entry in entries if entry[0] not in (more or {})]
    entries += [(tag, 4, 1, value) for tag, value in (more or {}).items()]
    behind = 8 + 2 + 12 * len(entries) + 4  # lists of several values, then the pixels
    lists = b""
    first = behind + 3 * 4 * samples * (samples > 1)
    head = struct.pack("<4sIH", b"II*\0", 8, len(entries))
    for tag, kind, count, value in sorted(entries):
        each = [first + n * values.nbytes // samples for n in range(count)] if tag == 273 else [value] * count
        packed = struct.pack(f"<{count}{'H' if kind == 3 else 'I'}", *each)
        if len(packed) > 4:
            packed, lists = struct.pack("<I", behind + len(lists)), lists + packed
        head += struct.pack("<HHI4s", tag, kind, count, packed.ljust(4, b"\0"))
    head += struct.pack("<I", 0) + lists
    path.write_bytes(head.ljust(first, b"\0") + values.tobytes())
    return path


@pytest.mark.parametrize(
    ("values", "more"),
    [
        (RAMP.astype(np.uint8), {}),
        (255 - RAMP.astype(np.uint8), WHITE_IS_ZERO),
        ((255 - RAMP << 8).astype(np.uint16), WHITE_IS_ZERO),
        ((255 - RAMP << 4).astype(np.uint16), WHITE_IS_ZERO),
        ((RAMP << 24).astype(np.uint32), {}),
        ((RAMP << 12).astype(np.uint32), {}),
        (RAMP.astype(np.int32) * 8_000_000 - 1000, {}),
    ],
)
def test_grey_of_every_depth(tmp_path: Path, values: Any, more: dict[int, int]) -> None:
    """Also where white is zero, and with numbers that are negative if they are taken for signed ones."""
    picture = read_picture(put(tmp_path / "a.tif", values, more), 1000)
    assert np.abs(picture[:, :, 1].astype(int) - RAMP).max() <= 1


def test_separate_planes(tmp_path: Path) -> None:
    """Of eight bits they are read; of sixteen Pillow would give noise."""
    colours = np.stack([RAMP, RAMP // 2, RAMP // 4])
    picture = read_picture(put(tmp_path / "a.tif", colours.astype(np.uint8)), 1000)
    assert (picture[:, :, ::-1] == np.moveaxis(colours, 0, 2)).all()
    with pytest.raises(SourceError, match="16 bits a colour in planes of their own; save it with 8 bits"):
        read_picture(put(tmp_path / "b.tif", (colours << 8).astype(np.uint16)), 1000)


@pytest.mark.parametrize("more", [REDUCED | SUB_PAGE, DNG])
def test_raw_preview_is_no_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture, more: dict[int, int]) -> None:
    """Of NEF, ARW and DNG only a preview would be seen; a folder, which has a JPEG beside each, goes on."""
    grey = RAMP.astype(np.uint8)
    path = put(tmp_path / "a.dng", grey, more)
    with pytest.raises(SourceError, match=r"picture .*a\.dng: is a camera's raw file, .*; save it as a JPEG"):
        open_files(str(path))
    put(tmp_path / "b.tif", grey, SUB_PAGE)  # a pyramid: its first page is the picture
    assert len(list(PictureFolder(str(tmp_path), SourceOptions()))) == 1
    assert "1 of 2 files left out: a.dng (a camera's raw file" in caplog.text
