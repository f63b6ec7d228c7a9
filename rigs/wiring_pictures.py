"""The wiring pictures of docs/hardware.md, from the settings' own pins: `python rigs/wiring_pictures.py`.

Schematic: a part at the left, the Raspberry Pi's 40-pin header at the right, a wire from each terminal to its pin.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fer_edge.settings import LedSettings, OledSettings

DOCS = Path(__file__).parents[1] / "docs"
# GPIO number -> pin of the 40-pin header, the same on every Raspberry Pi with 40 pins.
HEADER = {
    2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23,
    8: 24, 7: 26, 0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40,
}  # fmt: skip
POWER_PINS = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V"}
PITCH, RADIUS = 24, 9  # pixels: from row to row, and of a pin
WIDTH, TOP = 850, 70  # pixels: of the picture, and above the first row
PINS_X = 580  # pixels: the odd pins; the even ones are PITCH to the right
PART_X, PART_WIDTH = 30, 215  # pixels
BLACK, RED, ORANGE = "#333333", "#c1272d", "#c05a00"
GREEN, BLUE, PURPLE, BROWN, TEAL = "#1a7f37", "#1f5fbf", "#7b3fa0", "#8a5a2b", "#00766c"


class Wire(NamedTuple):
    """From a terminal of the part to a pin of the header."""

    terminal: str
    pin: int
    colour: str
    resistor: bool = False


class Part(NamedTuple):
    """A box with terminals, whose first is at row `row` of the header, 0 to 19."""

    name: str
    row: float
    wires: tuple[Wire, ...]


def label_of(pin: int) -> str:
    """What is printed beside a pin."""
    numbers = {pin: f"GPIO{number}" for number, pin in HEADER.items()}
    return POWER_PINS.get(pin) or numbers.get(pin) or "GND"


def text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{words}</text>'


def pin_place(pin: int) -> tuple[float, float]:
    """Middle of a pin: odd ones in the left column, even ones in the right."""
    return PINS_X + (PITCH if pin % 2 == 0 else 0), TOP + PITCH * ((pin - 1) // 2)


def strip() -> str:
    """The header's ground, below the wires."""
    left, top, bottom = PINS_X - 16, TOP - 16, TOP + 19 * PITCH + 16
    return f'<rect x="{left}" y="{top}" width="{PITCH + 32}" height="{bottom - top}" rx="6" class="strip"/>'


def pins(used: dict[int, str]) -> list[str]:
    """All 40 pins; those in use have their colour and their name."""
    lines = []
    for pin in range(1, 41):
        x, y = pin_place(pin)
        fill = used.get(pin, "#ffffff")
        ink = "#ffffff" if pin in used else "#555555"
        shape = (
            f'<rect x="{x - RADIUS:g}" y="{y - RADIUS:g}" width="{2 * RADIUS}" height="{2 * RADIUS}" fill="{fill}"/>'
            if pin == 1
            else f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" fill="{fill}"/>'
        )
        lines += [shape, text(x, y + 3.5, str(pin), f'class="pin" fill="{ink}"')]
    for row in range(20):
        names = [(pin, label_of(pin)) for pin in (2 * row + 1, 2 * row + 2) if pin in used]
        words = ", ".join(f'<tspan fill="{used[pin]}">{name} (pin {pin})</tspan>' for pin, name in names)
        if words:
            lines.append(text(PINS_X + PITCH + 26, TOP + PITCH * row + 5, words, 'class="name"'))
    lines.append(text(PINS_X + PITCH / 2, TOP - 30, "the end with the SD card", 'class="note"'))
    lines.append(text(PINS_X + PITCH / 2, TOP + 19 * PITCH + 36, "the end with the USB ports", 'class="note"'))
    return lines


def part(this: Part) -> list[str]:
    """The box, its terminals and their wires: no two wires cross if the terminals have the pins' order."""
    top = TOP + PITCH * this.row
    height = PITCH * (len(this.wires) + 1.2)
    lines = [
        f'<rect x="{PART_X}" y="{top - 1.5 * PITCH:g}" width="{PART_WIDTH}" height="{height:g}" rx="8" class="part"/>',
        text(PART_X + PART_WIDTH / 2, top - 0.7 * PITCH, this.name, 'class="title"'),
    ]
    edge = PART_X + PART_WIDTH
    for number, wire in enumerate(this.wires):
        y = top + PITCH * number + 0.2 * PITCH
        to_x, to_y = pin_place(wire.pin)
        through = to_y + PITCH / 2 if wire.pin % 2 == 0 else to_y  # an even pin's wire passes between two rows
        order = len(this.wires) - number if through > y else number + 1
        lane = edge + 110 + 16 * order
        path = f"M{edge:g} {y:g}H{lane:g}V{through:g}"
        path += f"H{to_x:g}V{to_y + RADIUS:g}" if wire.pin % 2 == 0 else f"H{to_x - RADIUS:g}"
        lines.append(f'<path d="{path}" stroke="{wire.colour}" class="wire"/>')
        lines.append(text(edge - 12, y + 5, wire.terminal, f'class="terminal" fill="{wire.colour}"'))
        if wire.resistor:
            lines.append(
                f'<rect x="{edge + 22}" y="{y - 7:g}" width="52" height="14" rx="3" class="resistor"/>'
                + text(edge + 48, y + 4, "330 Ω", 'class="pin" fill="#333333"')
            )
    return lines


STYLE = """<style>
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
.pin{font-size:10px;text-anchor:middle}.name{font-size:13px}.note{font-size:12px;text-anchor:middle;fill:#555555}
.title{font-size:14px;font-weight:600;text-anchor:middle;fill:#222222}.terminal{font-size:13px;text-anchor:end}
.strip{fill:#d9dee4;stroke:#9aa4ae}.part{fill:#f3f5f7;stroke:#9aa4ae}.wire{fill:none;stroke-width:2.5;stroke-linejoin:round}
.resistor{fill:#f2e3c4;stroke:#8a6d3b}
</style>"""


def picture(title: str, *parts: Part) -> str:
    """An SVG that stands alone, on a ground of its own, so that it is read in a dark page too."""
    used = {wire.pin: wire.colour for this in parts for wire in this.wires}
    height = TOP + 19 * PITCH + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        f' width="{WIDTH}" height="{height}">',
        f"<title>{title}</title>",
        STYLE,
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#ffffff" stroke="#d5dae0"/>',
        strip(),
        *(line for this in parts for line in part(this)),
        *pins(used),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def pictures() -> dict[str, str]:
    """Name of a file in docs/ -> its SVG."""
    return {name: picture(title, *shown) for name, (title, *shown) in parts().items()}


def parts() -> dict[str, tuple[str, *tuple[Part, ...]]]:
    """Name of a file in docs/ -> its title, and what is wired in it."""
    led, oled = LedSettings(), OledSettings()
    red, green, blue = (HEADER[led.pins[colour]] for colour in ("red", "green", "blue"))
    button = 26  # as in docs/outputs/led.md
    return {
        "wiring-lights.svg": (
            "An RGB LED and a button on the header",
            Part(
                "RGB LED",
                4,
                (
                    Wire("cathode, the longest leg", 9, BLACK),
                    Wire("red", red, RED, resistor=True),
                    Wire("green", green, GREEN, resistor=True),
                    Wire("blue", blue, BLUE, resistor=True),
                ),
            ),
            Part("button", 16, (Wire("one side", HEADER[button], PURPLE), Wire("the other", 39, BLACK))),
        ),
        "wiring-i2c.svg": (
            "A small display on the I2C bus",
            Part(
                "display, I²C",
                2,
                (
                    Wire("VCC", 1, RED),
                    Wire("SDA", HEADER[2], BLUE),
                    Wire("SCL", HEADER[3], ORANGE),
                    Wire("GND", 9, BLACK),
                ),
            ),
        ),
        "wiring-spi.svg": (
            "A small colour display on the SPI bus",
            Part(
                "display, SPI",
                6,
                (
                    Wire("BL, LED (backlight)", HEADER[oled.gpio_light], BROWN),
                    Wire("VCC", 17, RED),
                    Wire("DC, A0", HEADER[oled.gpio_dc], TEAL),
                    Wire("SDA, MOSI, DIN", HEADER[10], BLUE),
                    Wire("RES, RST", HEADER[oled.gpio_reset], PURPLE),
                    Wire("SCL, SCLK, CLK", HEADER[11], ORANGE),
                    Wire("CS", HEADER[8], GREEN),
                    Wire("GND", 25, BLACK),
                ),
            ),
        ),
    }


if __name__ == "__main__":
    for name, svg in pictures().items():
        (DOCS / name).write_text(svg, encoding="utf-8")
        print(DOCS / name)
