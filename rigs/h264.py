"""The smallest H.264 (ITU-T H.264): pictures of one shade, uncoded, or of any size that they only claim to have.

A camera's encoder refuses sizes that a decoder allocates memory for; these bits do not.
"""

from __future__ import annotations

SIDE = 16  # pixels, of a macroblock
_START = b"\0\0\0\1"
_PCM = 25  # ue(v) of a macroblock whose samples follow as they are


def picture(width: int, height: int, shade: int = 128, number: int = 0, references: int = 1) -> bytes:
    """A key frame with its parameter sets, Annex B; sides in macroblocks. Neighbours need other numbers."""
    return _sets(width, height, references) + _nal(0x65, _slice(number) + width * height * [_macroblock(shade)])


def claim(width: int, height: int, number: int = 0, references: int = 1) -> bytes:
    """The same with its first macroblock alone: 500 bytes for which a decoder needs memory for the whole."""
    return _sets(width, height, references) + _nal(0x65, [*_slice(number), _macroblock(128)])


def _sets(width: int, height: int, references: int) -> bytes:
    sequence = [*map(_bits8, (66, 0xC0, 62)), _ue(0), _ue(0), _ue(2), _ue(references), "0"]
    sequence += [_ue(width - 1), _ue(height - 1), "1", "1", "0", "0"]
    return _nal(0x67, sequence) + _nal(0x68, [_ue(0), _ue(0), "00", _ue(0), _ue(0), _ue(0), "000", 3 * _ue(0), "000"])


def _slice(number: int) -> list[str]:
    return [_ue(0), _ue(7), _ue(0), "0000", _ue(number % 2), "00", _ue(0)]


def _macroblock(shade: int) -> bytes:
    return bytes(SIDE * SIDE * [shade] + SIDE * SIDE // 2 * [128])


def _nal(kind: int, parts: list[str] | list[str | bytes]) -> bytes:
    """Bits as they come, and bytes of macroblocks, which begin at a byte."""
    data, bits = bytearray(), ""
    for part in parts:
        if isinstance(part, bytes):
            bits += _ue(_PCM)
            data += _packed(bits + -len(bits) % 8 * "0") + part
            bits = ""
        else:
            bits += part
    bits += "1"
    data += _packed(bits + -len(bits) % 8 * "0")
    escaped, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = 0 if byte else zeros + 1
    return _START + bytes([kind]) + bytes(escaped)


def _packed(bits: str) -> bytes:
    return int(bits, 2).to_bytes(len(bits) // 8)


def _bits8(value: int) -> str:
    return f"{value:08b}"


def _ue(value: int) -> str:
    """Exp-Golomb (9.1)."""
    binary = f"{value + 1:b}"
    return (len(binary) - 1) * "0" + binary
