"""Signatures by minisign, or OpenBSD's signify in the same format: https://jedisct1.github.io/minisign/#signature-format."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from fer_edge.errors import ModelError, SettingsError, first_line
from fer_edge.extras import install_command
from fer_edge.files import read_small

MAX_TEXT_BYTES = 4096  # of a key's file, or a signature's
_COMMENT, _TRUSTED = "untrusted comment: ", "trusted comment: "
_KEY = re.compile(r"[A-Za-z0-9+/]{56}")  # of minisign, as text
_PURE, _PREHASHED = b"Ed", b"ED"  # of the content itself, which is minisign's older way, and of its BLAKE2b


class PublicKey(NamedTuple):
    """Whose signatures count."""

    number: bytes  # eight bytes, in its signatures too
    key: bytes  # Ed25519


def read_key(text: str) -> PublicKey:
    """The key in `text`, the line that minisign prints, or in the file that it names. Raises SettingsError."""
    try:
        path = Path(text)
        if path.is_file():
            text = read_small(path, MAX_TEXT_BYTES).decode("ascii").strip().splitlines()[-1]
        elif path.exists() or not _KEY.fullmatch(text):
            what = "is no file" if path.exists() else "no such file"
            raise SettingsError(
                f"--key {text!r}: {what}, and no public key, which has 56 characters; give minisign.pub"
            )
        data = base64.b64decode(text, validate=True)
    except (OSError, ValueError, IndexError) as cause:
        raise SettingsError(f"--key {text}: is no public key ({first_line(cause)}); give minisign.pub") from None
    if len(data) != 42 or data[:2] != _PURE:
        raise SettingsError(f"--key {text}: is no public key of minisign; give minisign.pub, or its last line")
    return PublicKey(data[2:10], data[10:])


def verify(name: str, content: bytes, signature: bytes, key: PublicKey) -> str:
    """Check that `signature`, a .minisig, is of `content` and by `key`; the trusted comment that it signs.

    `name`: what the content is called. Raises ModelError if it is not, SettingsError without a library for it.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as cause:
        raise SettingsError(
            f"signature of {name}: cannot be checked ({first_line(cause)}); install what does: sudo apt install "
            f"python3-cryptography, or: {install_command('signed')}"
        ) from None
    kind, number, signed, comment, whole = _parsed(name, signature)
    if number != key.number:
        shown = (bytes(reversed(one)).hex().upper() for one in (number, key.number))
        raise ModelError(
            "signature of {}: is by the key {}, and {} is asked for; nothing is installed".format(name, *shown)
        )
    message = hashlib.blake2b(content).digest() if kind == _PREHASHED else content
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        public.verify(signed, message)
        public.verify(whole, signed + comment.encode())
    except InvalidSignature:
        raise ModelError(f"signature of {name}: does not fit; it was changed, so nothing is installed") from None
    return comment


def _parsed(name: str, signature: bytes) -> tuple[bytes, bytes, bytes, str, bytes]:
    """Kind, number of the key, signature, trusted comment, signature of both. Raises ModelError."""
    try:
        comment, signed, trusted, whole = signature.decode("utf-8").strip().splitlines()
        data, last = base64.b64decode(signed, validate=True), base64.b64decode(whole, validate=True)
    except (ValueError, binascii.Error):
        comment = ""
    if not comment.startswith(_COMMENT) or not trusted.startswith(_TRUSTED):
        raise ModelError(f"signature of {name}: is no .minisig; sign it with: minisign -S -m {name}")
    if data[:2] not in (_PURE, _PREHASHED) or len(data) != 74 or len(last) != 64:
        raise ModelError(f"signature of {name}: is of another kind; sign it with: minisign -S -m {name}")
    return data[:2], data[2:10], data[10:], trusted.removeprefix(_TRUSTED), last
