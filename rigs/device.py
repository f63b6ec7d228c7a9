"""A whole device, emulated: boots, starts fer-edge, lights a Pi 3's pins, and loses power twenty times.

`make device-test`: on Debian as root, which gets what is missing; elsewhere it says what is.
QEMU runs Debian 12's own kernel and systemd for arm64, with the aarch64 wheels and the product's own unit. Emulated
seconds mean nothing but here: the camera (the kernel's vivid) gives 25 frames a second, and the log keeps up.

python3 rigs/device.py [--cuts 20] [--seed 1] [--no-pins]
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time

import debian
import device_cuts
import device_image
import device_pins


def main(words: list[str]) -> int:
    """Make, boot, look, cut; the number of promises that were broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20, metavar="N", help="power cuts (default: 20; 0: none)")
    parser.add_argument("--seed", type=int, help="of moments and of what the card keeps (default: another each time)")
    parser.add_argument("--no-pins", action="store_true", help="leave the Pi 3 and its pins out")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the emulator ends with it
    begun = time.monotonic()
    broken: list[str] = []
    try:
        made = device_image.make()
        debian.say(f"made in {time.monotonic() - begun:.0f} s")
        if not options.no_pins:
            broken += device_pins.read_back(made)
        if options.cuts:
            seed = random.randrange(1000) if options.seed is None else options.seed
            rows = device_cuts.lose_power(made, options.cuts, seed)
            broken += [words for row in rows for words in device_cuts.promises(row)]
    except debian.RigError as cause:
        broken.append(str(cause))
    for text in broken:
        print(f"device: NOT as promised: {text}", file=sys.stderr)
    debian.say(f"{len(broken)} promises broken, in {(time.monotonic() - begun) / 60:.0f} minutes")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
