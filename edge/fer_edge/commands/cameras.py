"""`fer-edge cameras`: the cameras here, how to write them in the settings, what they give, and who uses them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from fer_edge.errors import SourceError
from fer_edge.sources import devices, picamera
from fer_edge.sources.devices import Device
from fer_edge.sources.v4l2_controls import list_controls

PI_CAMERA_DRIVERS = ("unicam", "rp1-cfe")  # whose nodes are open while a Raspberry Pi camera is used


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("--controls", action="store_true", help="list the controls for [source.v4l2], too")
    parser.add_argument("--all", action="store_true", help="list the nodes that are no cameras, and why, too")


def run(options: argparse.Namespace) -> int:
    """Print the list; the exit code is 3 if there is no camera."""
    found = devices.list_devices()
    lines = [*_pi_cameras(found), *_usb_cameras(found, options.controls)]
    print(*lines or ["no camera found; plug one in, or check the ribbon cable"], sep="\n")
    problems = [device for device in found if device.problem and (options.all or not _is_known(device))]
    for device in problems:
        print(f"{device}: {device.problem}")
    return 0 if lines else SourceError.exit_code


def _pi_cameras(found: list[Device]) -> Iterator[str]:
    try:
        cameras = picamera.list_cameras()
    except SourceError as error:
        # On other machines than a Pi it is no news that picamera2 is not installed.
        if any(device.driver.startswith(PI_CAMERA_DRIVERS) for device in found):
            yield str(error)
        return
    nodes = [device.path for device in found if device.driver.startswith(PI_CAMERA_DRIVERS)]
    users = sorted({user for node in nodes for user in devices.processes_using(node)})
    for name, model in cameras:
        yield f"{name}  {model}, Raspberry Pi camera"
        yield f"    also written picamera:{model}"
        if users:
            yield f"    in use by {', '.join(users)}" + (", or another one" if len(cameras) > 1 else "")


def _usb_cameras(found: list[Device], controls: bool) -> Iterator[str]:
    """Several nodes may belong to one camera, such as another for H.264: they stand together."""
    usable = [device for device in found if not device.problem]
    for device in usable:
        first = next(other for other in usable if (other.bus, other.card) == (device.bus, device.card))
        also = f", another output of camera:{first.number}" if device.bus and first is not device else ""
        yield f"camera:{device.number}  {device.card or 'camera'}{also}"
        for name in devices.links(device):
            yield f"    also written {name}"
        yield f"    gives {', '.join(devices.formats(device.path)) or 'formats that it does not say'}"
        if users := devices.processes_using(device.path):
            yield f"    in use by {', '.join(users)}"
        if controls:
            yield from _controls(device.path)


def _controls(path: Path) -> Iterator[str]:
    try:
        yield from (f"    control {control}" for control in list_controls(path))
    except OSError as cause:
        yield f"    controls cannot be read ({cause.strerror})"


def _is_known(device: Device) -> bool:
    """Whether a node without pictures is a part of every camera or Pi, and so no news."""
    return bool(device.driver)
