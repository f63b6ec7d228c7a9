"""What a file is, by its first bytes: a name says little (photo.jpg.1, snapshot.cgi, or no suffix at all)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from fer_edge.errors import SourceError
from fer_edge.sources.heif import formats as heif_formats
from fer_edge.sources.heif import is_heif
from fer_edge.sources.options import PICTURE_SUFFIXES

Kind = Literal["picture", "video", "other"]

STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")  # as paths
HEAD_BYTES = 4096  # of a file, from which its kind can be told
FIRST_JPEG_BYTES = 1 << 22  # in which the first of several is over
MOTION_JPEG_SUFFIXES = (".mjpeg", ".mjpg")  # videos that are JPEGs one after the other, and begin as a picture does
_NEXT_JPEG = b"\xff\xd9\xff\xd8\xff"  # one ends, and the next one begins
_MULTI_PICTURE = b"MPF\0"  # of CIPA DC-007: more JPEGs follow, such as a smaller copy, but it is one picture

PNG_START = b"\x89PNG\r\n\x1a\n"
_PICTURES = (b"\xff\xd8\xff", PNG_START, b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_VIDEOS = (
    *(b"\x1aE\xdf\xa3", b"OggS", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11", b"\0\0\x01\xba", b"\0\0\x01\xb3"),
    *(b"GIF87a", b"GIF89a", b"YUV4MPEG2", b"\0\0\0\x01\x67", b"\0\0\0\x01\x40", b"\0\0\0\x01\x09"),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # that an MP4 or QuickTime file may begin with
_SOUNDS = (
    *((0, b"ID3"), (0, b"fLaC"), (0, b"MAC "), (8, b"WAVE"), (8, b"AIFF"), (8, b"AIFC"), (8, b"M4A "), (8, b"M4B ")),
    *((28, b"OpusHead"), (28, b"\x01vorbis")),
)
CAMERA_RAW = "a camera's raw file, with a small preview at most; save it as a JPEG, or develop it"
_OTHERS = (  # (where, the bytes there, what it is)
    (8, b"CR\x02\0", CAMERA_RAW),
    (4, b"ftypcrx ", CAMERA_RAW),
    (0, b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (0, b"IIU\0", CAMERA_RAW),
    (0, b"IIRO", CAMERA_RAW),
    (0, b"IIRS", CAMERA_RAW),
    (0, b"MMOR", CAMERA_RAW),
    (0, b"FOVb", CAMERA_RAW),
    (0, b"\0MRM", CAMERA_RAW),
    (6, b"HEAPCCDR", CAMERA_RAW),
    (0, b"%PDF", "a PDF; save its pages as pictures"),
    (0, b"%!PS", "PostScript; save it as a PNG"),
    (0, b"PK\x03\x04", "a ZIP archive; unpack it"),
    (0, b"\x1f\x8b", "packed with gzip; unpack it"),
    (257, b"ustar", "a tar archive; unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (0, b"Rar!\x1a\x07", "a RAR archive; unpack it"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Microsoft Office; save its pictures as files"),
    (0, b"\0\0\1\0", "an icon; save it as a PNG"),
    (0, b"8BPS", "a Photoshop file; save it as a PNG"),
    (0, b"\xff\x0a", "JPEG XL; save it as a JPEG"),
    (4, b"JXL ", "JPEG XL; save it as a JPEG"),
    (0, b"version https://git-lfs", "a pointer of Git LFS; fetch the file with: git lfs pull"),
)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes of the header that follows a BMP's first 14
_TS_PACKET_BYTES = 188


def kind_of(head: bytes) -> Kind:
    """What a file is that begins with `head`, its first HEAD_BYTES or all of it; "other": none that is known here."""
    if known_other(head):
        return "other"
    if head.startswith(_PICTURES) or _is_webp(head) or _is_bmp(head):
        return "picture"
    if is_heif(head) and heif_formats(head):
        return "picture"
    return "video" if _is_video(head) else "other"


def is_mp4(head: bytes) -> bool:
    """Whether it is MP4 or QuickTime, which may have at its end what a reader needs first."""
    return head[4:8] in _BOXES


def is_motion_jpeg(data: bytes) -> bool:
    """Whether `data` is JPEGs one after the other, a video, and not one picture with a smaller copy of itself."""
    end = data.find(_NEXT_JPEG) if data.startswith(_PICTURES[0]) else -1
    return end > 0 and _MULTI_PICTURE not in data[:end]


def file_kind(path: Path) -> Kind:
    """What the file at `path` is: by its content; if that says nothing, since it is damaged, by its suffix.

    Raises OSError if it cannot be read.
    """
    suffix = path.suffix.lower()
    head = read_head(path)
    found = kind_of(head)
    if found == "other" and suffix in PICTURE_SUFFIXES:
        return "picture"
    if found == "picture" and suffix not in PICTURE_SUFFIXES:
        motion = suffix in MOTION_JPEG_SUFFIXES and head.startswith(_PICTURES[0])
        return "video" if motion or is_motion_jpeg(read_head(path, FIRST_JPEG_BYTES)) else "picture"
    return found


def read_head(path: Path, size: int = HEAD_BYTES) -> bytes:
    """The first `size` bytes of a regular file. Raises OSError; never blocks, whatever is there by now."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.pread(descriptor, size, 0)
    finally:
        os.close(descriptor)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


def _is_video(head: bytes) -> bool:
    if is_mp4(head):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    packets = head[:1] + head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1]
    return packets == b"GG" or head.startswith(_VIDEOS)


def is_sound(head: bytes) -> bool:
    """Whether it is sound, in which FFmpeg finds a video of one frame if there is a cover picture."""
    return any(head[place : place + len(start)] == start for place, start in _SOUNDS)


def check_media(head: bytes, name: str) -> None:
    """Raise SourceError for what is no video, but holds pictures that FFmpeg would find and take for one."""
    if is_sound(head):
        raise SourceError(f"video {name}: is sound, with a cover picture at most; give a video or a picture")
    if what := known_other(head):
        raise SourceError(f"video {name}: is neither a video nor a picture, but {what}")


def known_other(head: bytes) -> str:
    """What a file is that begins as no picture and no video do; "" if its beginning is not known."""
    return next((what for place, start, what in _OTHERS if head[place : place + len(start)] == start), "")


def what_else(head: bytes) -> str:
    """What a file is that cannot be read, with a cure; "" if that is not known."""
    if what := known_other(head):
        return what
    if head.startswith(_PICTURES[2:]):
        return "a TIFF of a rare kind, or a camera's raw file; save it with 8 or 16 bits a colour, or as a JPEG"
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if b"<svg" in text:
        return "SVG, a drawing; save it as a PNG"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"{")):
        return "text, perhaps a server's message in place of the file; get it again"
    return "text; check the path" if text and not set(text) & {*range(9), 0x0E, 0x1A, 0x7F} else ""
