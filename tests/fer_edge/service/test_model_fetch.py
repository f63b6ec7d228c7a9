"""A model from an address is installed if its hash and both signatures fit; else nothing is."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fer_edge.classifiers import cards
from fer_edge.cli import main
from fer_edge.errors import ModelError
from fer_edge.service.signature import read_key, verify

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
NAME = "mini_xception-int8"
NUMBER = bytes(range(8))


class Signer:
    """Signs as `minisign -S` does."""

    def __init__(self, number: bytes = NUMBER) -> None:
        self._key, self._number = ed25519.Ed25519PrivateKey.generate(), number
        self.public = base64.b64encode(b"Ed" + number + self._key.public_key().public_bytes_raw()).decode()

    def sign(self, content: bytes, comment: str = "timestamp:1", prehashed: bool = True) -> bytes:
        message = hashlib.blake2b(content).digest() if prehashed else content
        signed = self._key.sign(message)
        whole = base64.b64encode(self._key.sign(signed + comment.encode())).decode()
        line = base64.b64encode((b"ED" if prehashed else b"Ed") + self._number + signed).decode()
        return f"untrusted comment: x\n{line}\ntrusted comment: {comment}\n{whole}\n".encode()


class Site:
    """A folder with a signed model, served on loopback."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.signer = folder, Signer()
        self.url = f"http://127.0.0.1:{port}/{NAME}.tflite"
        self.model, self.card = folder / f"{NAME}.tflite", folder / f"{NAME}.json"
        for path in (self.model, self.card):
            shutil.copy(cards.models_folder() / path.name, path)
            self.sign(path)

    def sign(self, path: Path, signer: Signer | None = None) -> None:
        signed = (signer or self.signer).sign(path.read_bytes())
        path.with_name(f"{path.name}.minisig").write_bytes(signed)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.model.read_bytes()).hexdigest()

    def install(self, to: Path, **changes: str) -> int:
        options = {"--sha256": self.sha256, "--key": self.signer.public, "--to": str(to)}
        options |= {f"--{name}": value for name, value in changes.items()}
        return main(["models", "install", self.url, *(word for pair in options.items() for word in pair)])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            return

    (tmp_path / "site").mkdir()
    handler = functools.partial(Quiet, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Site(tmp_path / "site", server.server_port)
        server.shutdown()


def test_signed_model_is_installed_once(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "models"
    assert site.install(to) == 0
    assert "signed, and its hash is as given" in capsys.readouterr().out
    assert (to / site.model.name).read_bytes() == site.model.read_bytes()
    slot = to.readlink()
    shutil.rmtree(site.folder)  # the second run asks nobody
    site.folder.mkdir()
    shutil.copy(to / site.model.name, site.model)
    assert site.install(to) == 0
    assert "already installed" in capsys.readouterr().out
    assert to.readlink() == slot


def change_model(site: Site) -> None:
    site.model.write_bytes(site.model.read_bytes() + b"\0")


def change_card(site: Site) -> None:
    site.card.write_text(site.card.read_text().replace("angry", "sad"))


def sign_by_another(site: Site) -> None:
    site.sign(site.card, Signer(bytes(8)))


def sign_under_its_number(site: Site) -> None:
    site.sign(site.card, Signer())


def leave_out(site: Site) -> None:
    site.card.with_name(f"{site.card.name}.minisig").unlink()


def send_a_page(site: Site) -> None:
    site.card.with_name(f"{site.card.name}.minisig").write_text("<html>")


def take_the_other_signature(site: Site) -> None:
    shutil.copy(f"{site.model}.minisig", f"{site.card}.minisig")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change_card, "signature of mini_xception-int8.json: does not fit"),
        (sign_by_another, "is by the key 0000000000000000, and 0706050403020100 is asked for"),
        (sign_under_its_number, "does not fit"),
        (leave_out, "mini_xception-int8.json.minisig: cannot be fetched (HTTP Error 404"),
        (send_a_page, "is no .minisig; sign it with: minisign -S -m mini_xception-int8.json"),
        (take_the_other_signature, "does not fit"),
        (lambda site: change_model(site), "signature of mini_xception-int8.tflite: does not fit"),
    ],
)
def test_what_does_not_fit_installs_nothing(
    spoil: Callable[[Site], None], said: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(site)
    to = tmp_path / "models"
    assert site.install(to) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not to.exists()


def test_other_hash_installs_nothing(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of a model that the key has signed, as an older one has."""
    assert site.install(tmp_path / "models", sha256="0" * 64) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert f"what came has sha256 {site.sha256}, and {'0' * 64} is asked for" in line
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "abc"}, "is not 64 hexadecimal digits"),
        (
            {"key": "minisign.pub"},
            "--key 'minisign.pub': no such file, and no public key, which has 56 characters; give",
        ),
        ({"key": "/etc"}, "--key '/etc': is no file"),
        ({"key": "RWQ="}, "no such file"),
        ({"key": "A" * 56}, "is no public key of minisign"),
        ({"key": "x\0"}, "no such file"),
    ],
)
def test_options_that_cannot_work(
    changes: dict[str, str], said: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.install(tmp_path / "models", **changes) == 2
    assert said in capsys.readouterr().err
    assert main(["models", "install", site.url]) == 2
    assert "needs --sha256 and --key" in capsys.readouterr().err
    assert main(["models", "install", "model.tflite", "--key", site.signer.public]) == 2
    capsys.readouterr()
    for address in ("ftp://host", "http://host:99999", "http://host:no", "http://[host", "http://"):
        assert main(["models", "install", f"{address}/model.tflite", "--key", "x", "--sha256", "0" * 64]) == 2
        assert "is no address of a model" in capsys.readouterr().err


# Made by Debian's minisign 0.11: minisign -G, minisign -S, minisign -S -l.
REAL_KEY = (
    "untrusted comment: minisign public key 82A86A1EEA11C532\n"
    "RWQyxRHqHmqoglzSlcVGYe5QhrfF104ivF6kqxJTqg0rBHttRVJ9gZ61\n"
)
REAL_SIGNATURE = (
    "untrusted comment: signature from minisign secret key\n"
    "RUQyxRHqHmqogrvZmXOXvz6UrEtfqrXqHDXprVN92Du7zBtyLAn7W9o1Y0+w52b5LlEOktmP4ymuh/ZM8DD3LBq1AMTweON6Kw0=\n"
    "trusted comment: timestamp:1795950282\tfile:m.tflite\thashed\n"
    "XVfOQDzc5Cxeo7GC9DBhtyHIA3qR8uoAosodHF2OUDCTqdrg6tsMjTpKFooxu2Ef06IMciCH9NFLYdtEGFAyCw==\n"
)
REAL_LEGACY_SIGNATURE = (
    "untrusted comment: signature from minisign secret key\n"
    "RWQyxRHqHmqognDBuhjP1KOQbt6cMlbgkjPe82MN+RRKU52GTgrTREs4EKMBJnZllnJtkN9IcsVW21Wt8txaBACQBZ2TtvWwMgs=\n"
    "trusted comment: timestamp:1795950282\tfile:m.tflite\n"
    "s1tHq1RAcrTWcOrzGoMEizEho7ComTO29Pe8wxwaBK9d1ZhmNqbPn2lRd9z2AxhzcwrOzwl0IiV18yUJ8uEdBQ==\n"
)


def test_real_minisign_is_understood(tmp_path: Path) -> None:
    (tmp_path / "minisign.pub").write_text(REAL_KEY)
    key = read_key(str(tmp_path / "minisign.pub"))
    assert key == read_key(REAL_KEY.splitlines()[1])
    for signature in (REAL_SIGNATURE, REAL_LEGACY_SIGNATURE):
        assert "file:m.tflite" in verify("m", b"a model\n", signature.encode(), key)
        with pytest.raises(ModelError, match="does not fit"):
            verify("m", b"a model\n", signature.replace("file:m", "file:n").encode(), key)
        with pytest.raises(ModelError, match="does not fit"):
            verify("m", b"A model\n", signature.encode(), key)
