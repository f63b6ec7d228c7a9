"""Fetches a model and its card from an address: pinned by its hash, and signed."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit

from fer_edge.classifiers.cards import MAX_CARD_BYTES, MAX_MODEL_BYTES, Card, load_card
from fer_edge.errors import ModelError, SettingsError, first_line
from fer_edge.service.detector_install import TIMEOUT_S, read_within
from fer_edge.service.signature import MAX_TEXT_BYTES, read_key, verify
from fer_edge.urls import mask, parse

SIGNATURE_SUFFIX = ".minisig"


def is_url(model: str) -> bool:
    """Whether the model is to be fetched."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", model) is not None


def installed_from(url: str, sha256: str, folder: Path) -> Card | None:
    """The card of the model, if that is in `folder` already, with that hash. Raises SettingsError."""
    path = folder / _name(url)
    try:
        card = load_card(path)
        return card if card.sha256 == sha256.lower() == _digest(path.read_bytes()) else None
    except (ModelError, OSError):
        return None


def fetch_model(url: str, sha256: str, key: str, place: Path) -> Path:
    """Put the model at `url` and the card beside it, URL with .json for .tflite, into `place`; the model's path.

    Both have a signature by `key`, in a file with .minisig behind the name. Raises SettingsError, ModelError.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", sha256):
        raise SettingsError(f"--sha256 {sha256}: is not 64 hexadecimal digits; take what sha256sum prints")
    public = read_key(key)
    path = place / _name(url)
    content = _fetch(url, MAX_MODEL_BYTES)
    if _digest(content) != sha256.lower():
        raise ModelError(
            f"model {path.name}: what came has sha256 {_digest(content)}, and {sha256.lower()} is asked for; it is "
            "another file, so nothing is installed"
        )
    card_url = _with_suffix(url, ".json")
    for name, address, data in (
        (path.name, url, content),
        (path.with_suffix(".json").name, card_url, _fetch(card_url, MAX_CARD_BYTES)),
    ):
        verify(name, data, _fetch(_with_suffix(address, SIGNATURE_SUFFIX, append=True), MAX_TEXT_BYTES), public)
        (place / name).write_bytes(data)
    return path


def _name(url: str) -> str:
    """Of the file. Raises SettingsError."""
    try:
        path = urlsplit(url).path
        is_address = parse(url).scheme in ("http", "https")
    except ValueError:  # without a host, or with a port that is none
        path, is_address = "", False
    name = Path(path).name
    if not is_address or not re.fullmatch(r"[\w.-]+\.tflite", name):
        raise SettingsError(f"model {mask(url)}: is no address of a model; give one as in https://HOST/NAME.tflite")
    return name


def _with_suffix(url: str, suffix: str, append: bool = False) -> str:
    parts = urlsplit(url)
    path = parts.path + suffix if append else parts.path.removesuffix(".tflite") + suffix
    return urlunsplit(parts._replace(path=path))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fetch(url: str, most: int) -> bytes:
    """What is there, if it has `most` bytes or fewer. Raises ModelError."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            content: bytes = read_within(answer, most + 1)
    except (OSError, HTTPException, ValueError) as cause:
        if isinstance(cause, HTTPError):
            cause.close()
        reason = first_line(cause if isinstance(cause, HTTPError) else getattr(cause, "reason", cause) or cause)
        raise ModelError(f"model {_shown(url)}: cannot be fetched ({reason}); check the address") from None
    if len(content) > most:
        raise ModelError(f"model {_shown(url)}: has more than {most / 1e6:g} MB; check the address")
    return content


def _shown(url: str) -> str:
    """With its path, and without what may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
