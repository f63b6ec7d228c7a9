"""What rigs/container_image.py makes is called as the Containerfile and compose.yaml call it."""

from __future__ import annotations

import container_image
from debian import ROOT


def test_images_have_the_names_in_use() -> None:
    base, broker = container_image.image_names()
    assert f"ARG BASE={base}\n" in (ROOT / "Containerfile").read_text()
    assert f"image: {broker}\n" in (ROOT / "compose.yaml").read_text()
