"""Access is checked for the service's user, whoever runs the doctor; of a display one byte is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.doctor import devices
from fer_edge.doctor.devices import User, find_user, may_use
from fer_edge.doctor.finding import Context

Make = Callable[..., Context]
SERVICE = User("fer-edge", 998, frozenset({998, 44}))


@pytest.mark.parametrize(
    ("mode", "owner", "group", "may"),
    [
        (0o660, 0, 44, True),
        (0o660, 0, 993, False),
        (0o600, 998, 0, True),
        (0o666, 0, 0, True),
        (0o664, 0, 993, False),
        (0o606, 0, 44, False),
    ],
)
def test_rights(mode: int, owner: int, group: int, may: bool) -> None:
    assert may_use(mode, owner, group, SERVICE) == may
    assert may_use(mode, owner, group, User("root", 0, frozenset()))


def test_the_cure_names_the_group(make_context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_user", lambda name: User("fer-edge", 99998, frozenset()))
    context = make_context()
    (context.root / "dev/dma_heap").mkdir(parents=True)
    for name in ("video0", "media0", "media1", "media2", "dma_heap/linux,cma"):
        (context.root / "dev" / name).touch(0o660)
    (finding,) = devices.check(context)
    assert (finding.name, finding.level) == ("camera", "failure")
    assert finding.says == "fer-edge may not use linux,cma, media0, media1, media2 and 1 more"
    assert "fer-edge" in finding.cure or finding.cure == "sudo udevadm trigger"  # the group is root's


def test_unused_devices_are_not_checked(make_context: Make) -> None:
    """Pins and displays are checked only if an output uses them."""
    assert list(devices.check(make_context())) == []
    (finding,) = devices.check(make_context(run={"sinks": ["led"]}))
    assert (finding.name, finding.level) == ("pins", "failure")
    context = make_context(run={"sinks": ["led"]})
    (context.root / "dev").mkdir()
    (context.root / "dev/gpiochip0").touch()
    found = [(finding.name, finding.level) for finding in devices.check(context)]
    assert found == [("pins", "ok"), ("pin chip", "warning")]  # a file by that name is no chip


def test_display_address_is_from_settings(make_context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The display is read at the bus and address of the settings."""
    context = make_context(run={"sinks": ["oled"]}, oled={"i2c_port": 3, "i2c_address": 0x3D})
    assert [(finding.name, finding.level) for finding in devices.check(context)] == [
        ("I2C", "failure"),
        ("display", "failure"),
    ]
    (context.root / "dev").mkdir()
    (context.root / "dev/i2c-3").touch()
    assert list(devices.check(context))[-1].cure == "sudo i2cdetect -y 3"
    monkeypatch.setattr(devices, "responds", lambda bus, address: (bus.name, address) == ("i2c-3", 0x3D))
    assert list(devices.check(context))[-1].says == "answers at 0x3D on i2c-3"
    assert devices.required_devices(make_context(run={"sinks": ["oled"]}, oled={"interface": "spi"}).settings) == {
        "SPI": "oled"
    }
    assert devices.required_devices(make_context(run={"sinks": ["oled"]}, oled={"device": "dummy"}).settings) == {}


def test_a_file_is_no_display(make_context: Make) -> None:
    context = make_context()
    (context.root / "dev").mkdir()
    (context.root / "dev/i2c-1").touch()
    assert not devices.responds(context.root / "dev/i2c-1", 0x3C)
    assert not devices.responds(context.root / "dev/i2c-9", 0x3C)


def test_who_asks(make_context: Make) -> None:
    assert find_user("").uid >= 0
    assert find_user("root").uid == 0
    assert find_user("nobody-of-that-name").name == "nobody-of-that-name"
