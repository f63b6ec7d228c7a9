"""What rigs/container_image.py makes is called as the Containerfile and compose.yaml call it."""

from __future__ import annotations

import container_image


def test_images_have_the_names_in_use() -> None:
    assert container_image.image_names() == (
        "docker.io/library/debian:trixie-slim",
        "docker.io/library/eclipse-mosquitto:2",
    )
