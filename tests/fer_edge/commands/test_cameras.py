"""The list of cameras, on a machine whose devices are made up."""

from __future__ import annotations

from pathlib import Path

import pytest
from fer_edge.cli import main
from fer_edge.errors import SourceError
from fer_edge.sources import devices, picamera
from fer_edge.sources.devices import Device


def put(monkeypatch: pytest.MonkeyPatch, found: list[Device], pi: list[tuple[str, str]] | str) -> None:
    def cameras() -> list[tuple[str, str]]:
        if isinstance(pi, str):
            raise SourceError(pi)
        return pi

    monkeypatch.setattr(picamera, "list_cameras", cameras)
    monkeypatch.setattr(devices, "list_devices", lambda: found)
    monkeypatch.setattr(devices, "formats", lambda path: ["YUYV"] if path.name == "video0" else [])
    monkeypatch.setattr(
        devices, "processes_using", lambda path: ["cheese (pid 41)"] if path.name in ("video2", "video9") else []
    )
    monkeypatch.setattr(devices, "links", lambda device: [f"/dev/v4l/by-id/usb-{device.number}"])


def test_each_camera_with_its_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of a Pi, one on USB with two outputs; its node for metadata and the Pi's own are no cameras."""
    found = [
        Device(0, Path("/dev/video0"), "HD Webcam", None, "uvcvideo", "usb-1"),
        Device(1, Path("/dev/video1"), "HD Webcam", "it does not capture video", "uvcvideo", "usb-1"),
        Device(2, Path("/dev/video2"), "HD Webcam", None, "uvcvideo", "usb-1"),
        Device(9, Path("/dev/video9"), "rp1-cfe", "it belongs to the Raspberry Pi's rp1-cfe", "rp1-cfe", "platform"),
        Device(10, Path("/dev/video10"), "", "permission denied"),
    ]
    put(monkeypatch, found, [("picamera:0", "imx708"), ("picamera:1", "imx219")])
    assert main(["cameras"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "picamera:0  imx708, Raspberry Pi camera",
        "    also written picamera:imx708",
        "    in use by cheese (pid 41), or another one",
        "picamera:1  imx219, Raspberry Pi camera",
        "    also written picamera:imx219",
        "    in use by cheese (pid 41), or another one",
        "camera:0  HD Webcam",
        "    also written /dev/v4l/by-id/usb-0",
        "    gives YUYV",
        "camera:2  HD Webcam, another output of camera:0",
        "    also written /dev/v4l/by-id/usb-2",
        "    gives formats that it does not say",
        "    in use by cheese (pid 41)",
        "/dev/video10: permission denied",
    ]
    assert main(["cameras", "--all"]) == 0
    assert "/dev/video1 'HD Webcam': it does not capture video" in capsys.readouterr().out


def test_no_camera(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    put(monkeypatch, [], "picamera: picamera2 is not installed; install it")
    assert main(["cameras"]) == 3
    assert capsys.readouterr().out == "no camera found; plug one in, or check the ribbon cable\n"


def test_pi_without_picamera2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    node = Device(9, Path("/dev/video9"), "unicam", "it belongs to the Raspberry Pi's unicam", "unicam", "platform")
    put(monkeypatch, [node], "picamera: picamera2 is not installed; install it")
    main(["cameras"])
    assert capsys.readouterr().out.splitlines() == ["picamera: picamera2 is not installed; install it"]
