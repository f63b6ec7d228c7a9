from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from fer_edge import sources
from fer_edge.errors import SourceError
from fer_edge.sources import devices, picamera
from fer_edge.sources.devices import Device

GOOD = Device(2, Path("/dev/video2"), "HD Webcam", None)
META = Device(0, Path("/dev/video0"), "HD Webcam", "it does not capture video")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without any camera."""
    monkeypatch.setattr(picamera, "find", lambda: (None, "picamera2 is not installed"))
    monkeypatch.setattr(devices, "list_devices", list)
    return monkeypatch


def test_auto_prefers_the_raspberry_pi_camera(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(picamera, "find", lambda: ("imx708", ""))
    machine.setattr(devices, "list_devices", lambda: [GOOD])
    assert sources.choose() == ("picamera", "picamera", "picamera, because a Raspberry Pi camera answered (imx708)")


def test_auto_takes_the_first_camera(machine: pytest.MonkeyPatch) -> None:
    """`auto` takes the first V4L2 camera and says why."""
    machine.setattr(devices, "list_devices", lambda: [META, GOOD])
    assert sources.choose("auto") == (
        "camera",
        "2",
        "camera:2 (/dev/video2 'HD Webcam'), because no Raspberry Pi camera answered: picamera2 is not installed",
    )


def test_auto_ends_at_the_demo(machine: pytest.MonkeyPatch) -> None:
    source, why = sources.open_source("auto")
    with closing(source):
        assert next(iter(source)).source == "demo"
    assert why == (
        "demo, because no Raspberry Pi camera answered: picamera2 is not installed; "
        "and no V4L2 camera: there is no /dev/video*"
    )
    machine.setattr(devices, "list_devices", lambda: [META])
    assert "/dev/video0 'HD Webcam': it does not capture video" in sources.choose().why


@pytest.mark.parametrize(
    ("spec", "kind", "target"),
    [
        ("demo", "demo", "demo"),
        ("picamera", "picamera", "picamera"),
        ("picamera:1", "picamera", "picamera:1"),
        ("picamera:imx708", "picamera", "picamera:imx708"),
        ("camera:3", "camera", "3"),
        ("/dev/v4l/by-id/usb-046d_Cam-video-index0", "camera", "/dev/v4l/by-id/usb-046d_Cam-video-index0"),
        ("/dev/v4l/by-path/pci-0:1:1.0-video-index0", "camera", "/dev/v4l/by-path/pci-0:1:1.0-video-index0"),
        ("/dev/video3", "camera", "3"),
    ],
)
def test_specs(spec: str, kind: str, target: str) -> None:
    assert sources.choose(spec) == (kind, target, f"{spec}, as asked for")


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_only_cameras_are_live(kind: str) -> None:
    """A camera, a stream or the tour is opened again when lost; only a camera's own sensor is checked for blindness."""
    source_class = sources.Choice(kind, "", "").source_class
    assert source_class.live == (kind in ("picamera", "camera", "stream", "tour"))
    assert source_class.local == (kind in ("picamera", "camera"))


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, kind in (("a.mp4", "video"), ("a.JPEG", "picture"), ("demo", "video"), ("a", "video")):
        Path(name).touch()
        assert sources.choose(f"./{name}")[:2] == (kind, name)
    assert sources.choose(".").kind == "folder"


@pytest.mark.parametrize(
    "spec", ["nowhere.mp4", "", "camera", "camera:", "camera:x", "ftp://host/x", "a\0b", "x" * 5000]
)
def test_unknown_specs_name_the_known_ones(spec: str) -> None:
    spec = spec or "no\nsuch"
    with pytest.raises(SourceError) as caught:
        sources.open_source(spec)
    assert "camera:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_fallback_for_what_was_asked(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setattr(devices, "DEV", tmp_path)
    with pytest.raises(SourceError, match="it does not exist"):
        sources.open_source("camera:0")


def test_secrets_are_not_told() -> None:
    assert sources.choose("rtsp://ann:secret@host/x") == (
        "stream",
        "rtsp://ann:secret@host/x",
        "rtsp://host, as asked for",
    )
    assert sources.choose("HTTPS://host/secret") == ("stream", "HTTPS://host/secret", "HTTPS://host, as asked for")
    with pytest.raises(SourceError) as caught:
        sources.choose("ftp://ann:secret@host/x")
    assert "secret" not in str(caught.value)


def test_open_files_takes_paths_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="no such file or folder"):
        sources.open_files("demo")


def test_address_without_a_scheme_is_told() -> None:
    """And none of its password."""
    with pytest.raises(SourceError, match="and an address begins with rtsp://, http:// or https://") as caught:
        sources.choose("ann:geheim@10.0.0.1/x")
    assert "geheim" not in str(caught.value)
