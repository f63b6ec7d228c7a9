"""Pictures that are small to send and large to decode, at `/api/v1/detect`.

    python -m attack.pictures

Held: an answer of 200 or 4xx within a minute, no traceback, and a peak of the service (with the process that decodes)
of at most 60 MB above what it holds after a first picture.
"""

from __future__ import annotations

import io
import random
import sys
import time
import zlib
from collections.abc import Callable

from PIL import Image

from attack.target import Service, Table, memory_mb, service

MAX_GROWTH_MB = 60.0


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))


def scans(count: int) -> bytes:
    whole = encoded(Image.new("RGB", (2000, 1500)), "JPEG", progressive=True)
    return whole[:-2] + whole[whole.rfind(b"\xff\xda") : -2] * count + whole[-2:]


def chunks(count: int) -> bytes:
    whole = encoded(Image.new("L", (10, 10)), "PNG")
    return whole[:33] + (b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4)) * count + whole[33:]


def text_bomb() -> bytes:
    """A PNG with a text of 60 MB, packed."""
    whole = encoded(Image.new("L", (10, 10)), "PNG")
    data = b"k\0\0" + zlib.compress(bytes(60_000_000), 9)
    return whole[:33] + len(data).to_bytes(4) + b"zTXt" + data + zlib.crc32(b"zTXt" + data).to_bytes(4) + whole[33:]


PICTURES: dict[str, Callable[[], bytes]] = {
    "PNG of 1 x 16,000,000": lambda: encoded(Image.new("RGB", (1, 16_000_000)), "PNG"),
    "PNG of 20,000 x 20,000": lambda: encoded(Image.new("1", (20_000, 20_000)), "PNG"),
    "PNG of 4000 x 4000": lambda: encoded(Image.new("RGB", (4000, 4000)), "PNG"),
    "PNG of 6 megapixels, noise": lambda: encoded(noise(2400, 1380), "PNG", compress_level=1)[:9_900_000],
    "PNG of 6 megapixels": lambda: encoded(Image.new("RGBA", (3000, 2000)), "PNG"),
    "WebP of 4000 x 4000": lambda: encoded(Image.new("RGB", (4000, 4000)), "WEBP"),
    "WebP of 1.6 megapixels": lambda: encoded(noise(1600, 1000), "WEBP"),
    "JPEG of 4000 x 4000": lambda: encoded(Image.new("RGB", (4000, 4000)), "JPEG"),
    "JPEG of 6 megapixels, progressive": lambda: encoded(noise(3000, 2000), "JPEG", progressive=True),
    "JPEG of 4 channels": lambda: encoded(Image.new("CMYK", (3000, 2000)), "JPEG"),
    "JPEG with 2,000 scans": lambda: scans(2000),
    "JPEG with 45 scans": lambda: scans(40),
    "PNG with 100,000 chunks": lambda: chunks(100_000),
    "PNG with a text of 60 MB": text_bomb,
}


def main() -> int:
    table = Table("pictures that are sent")
    with service() as target:
        small = encoded(noise(640, 480), "JPEG")
        target.ask("POST", "/api/v1/detect", small, Content_Type="image/jpeg")
        time.sleep(1)
        idle = memory_mb(target.process.pid)
        print(f"idle: {idle:.0f} MB")
        for name, make in PICTURES.items():
            attack(table, target, name, make(), idle)
        mutants(table, target, small)
    return table.close()


def attack(table: Table, target: Service, name: str, data: bytes, idle: float) -> None:
    target.begin_peak()
    begun = time.monotonic()
    status, _ = target.ask("POST", "/api/v1/detect", data, Content_Type="image/png")
    seconds, grown = time.monotonic() - begun, target.peak_mb - idle
    held = status in (200, 413, 422) and grown <= MAX_GROWTH_MB and "Traceback" not in target.errors
    figures = f"{len(data) / 1e3:.0f} kB, status {status}, +{max(grown, 0):.0f} MB, {seconds:.1f} s"
    table.row(name, 1, int(held), figures)


def mutants(table: Table, target: Service, whole: bytes, count: int = 30) -> None:
    """Whole pictures with bytes changed."""
    draw, held = random.Random(2), 0
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 20)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        status, _ = target.ask("POST", "/api/v1/detect", bytes(data), Content_Type="image/jpeg")
        held += status in (200, 422)
    table.row("mutated pictures", count, held if "Traceback" not in target.errors else 0)


if __name__ == "__main__":
    sys.exit(main())
