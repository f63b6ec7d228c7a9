"""The wiring pictures show the pins that the settings have."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import wiring_pictures
from doc_pages import ROOT


@pytest.mark.parametrize(
    ("name", "svg"), wiring_pictures.pictures().items(), ids=lambda value: value[: value.find(".svg")]
)
def test_picture_is_up_to_date(name: str, svg: str) -> None:
    """Made by `python rigs/wiring_pictures.py`."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == svg
    assert ET.fromstring(svg).tag.endswith("svg")


def test_header_has_each_pin_once() -> None:
    """28 numbers, 4 of power and 8 of ground make the 40 pins."""
    assert len(set(wiring_pictures.HEADER.values())) == len(wiring_pictures.HEADER) == 28
    names = [wiring_pictures.label_of(pin) for pin in range(1, 41)]
    assert names.count("GND") == 8
    assert [wiring_pictures.label_of(pin) for pin in (11, 13, 15, 37)] == ["GPIO17", "GPIO27", "GPIO22", "GPIO26"]


def test_page_names_each_pin() -> None:
    """In words, for those who do not see the picture, or see it small."""
    page = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8")
    for name, (_, *shown) in wiring_pictures.parts().items():
        _, _, table = page.partition(f"({name})")
        for wire in (wire for part in shown for wire in part.wires):
            label = wiring_pictures.label_of(wire.pin)
            assert f"{wire.pin} ({label})" in table.partition("\n## ")[0].partition("![")[0], wire
