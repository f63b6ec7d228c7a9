"""What rigs/service.py does to cameras of the service: a network camera, and the real picamera2 on a virtual one.

Each loss is to be noticed within five seconds of the last picture that was one, told once, and got over or ended with
exit code 10. The journal's clock and the log's decide, not this program's.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import camera
import debian
from service_device import HERE, Device

LIMIT = 5.0  # seconds
GIVE_UP = 20  # seconds, source.give_up_seconds
FPS = 5
LOST, AGAIN = "it is opened again as soon as it answers", "gives pictures again"
STATUS = "the camera is lost, and being opened again"
WEBCAM_UNIT = """[Service]
ExecStart=/usr/bin/python3 /opt/inside/webcam.py
"""
# All that stands in for hardware: /dev/udmabuf, which containers lack, for libcamera's buffers; and on Python's path
# picamera2, which Debian does not package, and what lets it work with a virtual camera. The sandbox stays as it is.
PICAMERA_DROP_IN = """[Service]
Environment=LD_PRELOAD=/opt/picamera2/udmabuf.so PYTHONPATH=/opt/inside:/opt/picamera2
"""


def draw(device: Device) -> None:
    """What cameras show."""
    device.run("/opt/fer-edge/current/bin/python", "/opt/inside/draw.py", check=True)


def lose_a_webcam(device: Device) -> None:
    """Allowed as the doctor says; killed, hung, and killed for good."""
    (device.root / "etc/systemd/system/webcam.service").write_text(WEBCAM_UNIT)
    device.run("systemctl", "daemon-reload", check=True)
    device.run("systemctl", "start", "webcam", check=True)
    device.settings("frames", FPS, "http://127.0.0.1:8080/", GIVE_UP)
    device.run("systemctl", "restart", "fer-edge")
    device.until("a network camera: not without the network", 20, lambda: device.show("ExecMainStatus") == "3")
    cure = device.doctor()["network"]["cure"]
    # On a busy machine the camera itself may still be starting, and the command's own start would be too early.
    port = "exec 3<>/dev/tcp/127.0.0.1/8080 && echo open"
    device.until("the camera is there", 60, lambda: "open" in device.run("bash", "-c", port).split())
    device.run("bash", "-c", cure.replace("sudo ", ""), check=True)
    device.until("the doctor's command allows it, and it runs", 20, device.active)
    device.until("the doctor is content", 1, lambda: "network" not in device.doctor())
    reason = "check the camera and the network to it"

    def start() -> None:
        device.run("systemctl", "start", "webcam", check=True)

    goes_and_comes(device, "killed", reason, lambda: device.signal("KILL", "webcam"), start)
    goes_and_comes(
        device, "hung", reason, lambda: device.signal("STOP", "webcam"), lambda: device.signal("CONT", "webcam")
    )
    before = device.count(LOST)
    device.restart()
    device.signal("KILL", "webcam")
    gives_up(device, "killed for good", before)
    start()
    device.until("it comes back, and the next one runs", 60, device.active)
    device.run("systemctl", "stop", "fer-edge", "webcam", check=True)
    device.drop_in("network")


def lose_a_picamera(device: Device) -> None:
    """Seen from inside the sandbox; its cable pulled, its driver hanging, its picture black and frozen."""
    install_picamera2(device)
    device.drop_in("picamera2", PICAMERA_DROP_IN)
    device.settings("frames", FPS, "picamera", GIVE_UP)
    show(device, "")
    device.restart()
    device.until("picamera2, in the sandbox: ready", 10, device.active)
    device.until("and a face is seen", 10, lambda: "1 face" in device.show("StatusText"))
    device.pleases_the_doctor()
    pulled = device.root / "opt/pulled"
    goes_and_comes(device, "its cable is pulled", "gave no picture for", pulled.touch, pulled.unlink)
    hangs(device, device.root / "opt/stuck")
    for picture, words in (("black", "was black; take off the lens cap"), ("5", "was the same to the last bit")):
        show(device, f"{picture}.jpg")
        before = device.count(LOST)
        device.restart()
        first = [moment for number, moment in device.frames() if number == 0][-1]
        is_noticed(device, f"only {picture}.jpg is shown", words, first, before)
    gives_up(device, "frozen for good", before)
    show(device, "")
    device.until("it moves, and the next one runs", 60, device.active)
    device.run("systemctl", "stop", "fer-edge", check=True)
    device.drop_in("picamera2")


def goes_and_comes(
    device: Device, what: str, words: str, take: Callable[[], object], give: Callable[[], object]
) -> None:
    """The camera is taken away and given back; `words` say why it was lost."""
    told, again = device.count(LOST), device.count(AGAIN)
    take()
    is_noticed(device, what, words, None, told)
    time.sleep(6)  # meanwhile it is opened again, in vain
    give()
    device.until("given back: it goes on", 40, lambda: device.count(AGAIN) > again)
    device.until("and was told once", 1, lambda: (device.count(LOST), device.count(AGAIN)) == (told + 1, again + 1))
    device.until("by the same process", 5, lambda: device.active() and device.show("NRestarts") == "0")


def hangs(device: Device, stuck: Path) -> None:
    """A call into the camera's driver does not return, in the loop or when it is closed: the watchdog has its turn."""
    bitten = device.told("Failed with result 'watchdog'")
    stuck.touch()
    device.until("its driver hangs: the watchdog bites", 60, bitten)
    stuck.unlink()
    device.until("with the place in the journal", 1, lambda: "sitecustomize.py" in device.journal())
    device.until("and the next one runs", 30, device.active)


def is_noticed(device: Device, what: str, words: str, last: float | None, before: int) -> None:
    """`last` is the moment of the last good picture, None: of the log's last; `before`: losses told by then."""
    device.until(f"a camera that is lost ({what}): told", 20, lambda: device.count(LOST) > before)
    late = device.moment(words) - (device.frames()[-1][1] if last is None else last)
    device.until(f"{late:.1f} s after its last picture", 0, lambda: 0 <= late <= LIMIT)
    device.until("and its status line says so", 1, lambda: device.show("StatusText") == STATUS)


def gives_up(device: Device, what: str, before: int) -> None:
    """Tried in vain for too long, the process ends, and systemd starts another one; `before` as there."""
    ends = device.count("so fer-edge ends")
    device.until(f"{what}: ends with 10", 60, lambda: device.show("ExecMainStatus") == "10")
    device.until("after saying for how long", 1, lambda: device.count("so fer-edge ends") > ends)
    device.until("and that it was lost, once", 1, lambda: device.count(LOST) == before + 1)
    device.until("and is started again", 30, lambda: device.show("NRestarts") != "0")


def show(device: Device, picture: str) -> None:
    """Have the virtual camera show one picture, or all, from its next start on."""
    place = device.root / "usr/share/libcamera/pipeline/virtual/virtual.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text((camera.INSIDE / "virtual.yaml").read_text().replace("/srv/frames/", f"/opt/pictures/{picture}"))


def install_picamera2(device: Device) -> None:
    """Debian's libcamera, picamera2 from its author, and what makes them work without a camera."""
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--quiet", "--yes")
    device.run(*quiet, "--no-install-recommends", *camera.PACKAGES, check=True)
    place = device.root / "opt/picamera2"
    pip = ("/opt/fer-edge/current/bin/python", "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps")
    device.run(
        *pip, "--target", "/opt/picamera2", camera.PICAMERA2, *camera.WHEELS[:3], check=True
    )  # not fer-edge's own
    shutil.copy(HERE / "camera_inside" / "virtual_camera.py", device.root / "opt/inside")
    debian.get_tools(camera.TOOLS)
    debian.run("gcc", "-O2", "-shared", "-fPIC", "-o", str(place / "udmabuf.so"), str(camera.INSIDE / "udmabuf.c"))
