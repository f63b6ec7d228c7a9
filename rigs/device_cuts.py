"""Power cuts: twenty at random moments while the log is written at full rate, and what the next boot finds.

Half of the cuts come at any moment, half aim at one that is rare and worse: while lines are on their way to the disk,
or the file system's word of them. In half the log is rotated every few seconds, in half settings and models are
replaced over and over. The columns:

- written: lines of this boot, each told on the serial line after write(2) returned; acknowledged: after fdatasync(2)
- found: of these, by the next boot, in their order, after fer-edge started by itself and repaired its log
- torn: lines that `fer-edge report` or a plain reader meets and cannot read; lost: acknowledged and not found
- longest loss: from the first line that is missing to the last one that is
- repaired: bytes after the log's last newline when fer-edge started, which it took out, and zeros among its last 64 kB;
  "journal": the file system's last transaction was torn, and the e2fsck before the mounting left it out
- the card: writes that waited for a flush; of them, how many it kept, and how many in part
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from debian import RigError, say
from device_card import Card, Left
from device_image import BUILD, Made
from device_machine import Machine

BOOT, CHECK = 300.0, 300.0  # seconds that they may take on a busy machine
FLUSH = 5.0  # log.flush_seconds, of which the settings say nothing
LONGEST = 25.0  # seconds of logging before the power goes, from 1 on
BOARD = ["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-serial", "stdio"]


class Plan(NamedTuple):
    """One boot and its end."""

    aimed: bool
    rotate: bool
    change: bool
    seconds: float  # of logging
    flushes: int  # that an aimed cut lets pass once a line is on its way
    writes: int  # that wait then
    seed: int

    def words(self) -> str:
        """For the table."""
        more = [word for word, on in (("rotating", self.rotate), ("replacing", self.change)) if on]
        return ", ".join(["amid writes" if self.aimed else "any moment", *more])


class Written(NamedTuple):
    """What a boot asked of the disk, as the outside knows."""

    times: list[str]  # of the lines
    flushed: int  # of them, acknowledged


class Row(NamedTuple):
    """A cut, and what was found after it."""

    plan: Plan
    left: Left
    written: Written
    found: set[str]  # times of the lines that are there, of those written by the boot that was cut
    torn: int  # lines that somebody who reads later meets
    repaired: int  # bytes after the log's last newline, before the product repaired it
    zeros: int  # bytes of zeros among the log's last before that
    journal: bool  # its last transaction was torn, and left out by e2fsck
    broken: list[str]  # all else that is not as promised

    @property
    def lost(self) -> int:
        """Lines that were flushed and are not there."""
        return len(set(self.written.times[: self.written.flushed]) - self.found)

    @property
    def lost_seconds(self) -> float:
        """From the first line that is missing to the last one that is."""
        missing = [datetime.fromisoformat(moment) for moment in self.written.times if moment not in self.found]
        return (missing[-1] - missing[0]).total_seconds() if missing else 0.0


class Device:
    """A device with its card through all its boots."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self.image = BUILD / "card.img"
        self._address = BUILD / "card.socket"
        shutil.copyfile(made.image, self.image)
        self.ledger: list[str] = []  # times of all lines that were found at the last boot
        self._before: tuple[Plan, Left, Written] | None = None
        self.boots: list[float] = []  # seconds until the first line

    def live(self, plan: Plan) -> Row | None:
        """Boot, look at what the cut before left, log for a while, and lose the power."""
        since = self._before[2].times[0] if self._before and self._before[2].times else ""
        environment = {
            "FER_CONFIG": "fer-edge.toml",
            "FER_ROTATE": "0.05" if plan.rotate else "10",
            "FER_SINCE": since,
            "FER_CHANGE": str(int(plan.change)),
            "FER_VERIFY": str(int(self._before is not None and self._before[0].change)),
        }
        card = Card(self.image, self._address)
        drive = f"driver=nbd,server.type=unix,server.path={self._address},node-name=card"
        board = [*BOARD, "-blockdev", drive, "-device", "virtio-blk-pci,drive=card"]
        machine = Machine(self._made, board, "console=ttyAMA0 root=/dev/vda", environment)
        try:
            self.boots.append(machine.until("fer-edge logs by itself", BOOT, lambda: machine.texts("L")))
            machine.until("the log is checked", CHECK, lambda: machine.texts("C"))
            row = self._judge(machine) if self._before else None
            left = self._lose_power(machine, card, plan)
        finally:
            machine.kill()
            card.close()
        self._before = (plan, left, written(machine))
        return row

    def _lose_power(self, machine: Machine, card: Card, plan: Plan) -> Left:
        chance = random.Random(plan.seed)
        time.sleep(plan.seconds)
        if not plan.aimed:
            return card.cut(chance)
        card.cut_amid(b'{"time"', plan.flushes, plan.writes, chance)
        machine.until("a line is on its way to the disk", 60, card.gone.is_set)
        assert card.left is not None
        return card.left

    def _judge(self, machine: Machine) -> Row:
        """Compare what is there with what was written."""
        assert self._before is not None
        plan, left, before = self._before
        told: dict[str, Any] = json.loads(machine.texts("C")[-1])
        times = [time for text in machine.texts("K") for time in text.split()]
        now = {text.split()[1] for text in machine.texts("L")}
        found = [time for time in times if time not in now]
        broken = machine.faults()
        if told["new"] != len(times):
            broken.append(f"{told['new']} lines were found, {len(times)} told")
        if found != [moment for moment in before.times if moment in set(found)]:
            broken.append("lines are there twice, in another order, or from nowhere")
        digest = hashlib.sha256("".join(self.ledger).encode()).hexdigest()
        if (told["old"], told["digest"]) != (len(self.ledger), digest):
            broken.append(f"{told['old']} older lines, {len(self.ledger)} were there at the boot before")
        for name, good in (("settings", "threads "), ("models", ("none", "2 files"))):
            if name in told and not told[name].startswith(good):
                broken.append(f"{name}: {told[name]}")
        broken += [text for text in machine.texts("A") if "BROKEN" in text]
        broken += [f"fer-edge report: exit code {told['report']}"] if told["report"] else []
        self.ledger += found
        tail, zeros = (int(word) for word in machine.texts("S")[-1].split())
        torn = max(told["torn"], told["plain"], len(told["left_out"]))
        journal = any("replay was aborted" in line for line in machine.console)
        return Row(plan, left, before, set(found), torn, tail, zeros, journal, broken)


def written(machine: Machine) -> Written:
    """What a machine that is off told of its last service's disk; it counts from 1 with each start."""
    times: list[str] = []
    flushed = 0
    for told in machine.told:
        if told.kind == "L":
            number, moment, _ = told.text.split(maxsplit=2)
            if int(number) != len(times) + 1:
                raise RigError(
                    f"line {number} after {len(times)}: fer-edge started twice, or the serial line lost some"
                )
            times.append(moment)
        elif told.kind == "F":
            flushed = int(told.text)
    return Written(times, flushed)


def plans(cuts: int, seed: int) -> list[Plan]:
    """Every kind as often, in any order."""
    chance = random.Random(seed)
    kinds = [(bool(number & 1), bool(number & 2), bool(number & 4)) for number in range(cuts)]
    chance.shuffle(kinds)
    return [
        Plan(*kind, chance.uniform(1, LONGEST), number % 3, chance.randrange(1, 8), chance.randrange(1 << 30))
        for number, kind in enumerate(kinds)
    ]


def lose_power(made: Made, cuts: int, seed: int) -> list[Row]:
    """All cuts on one card, each shown as it is judged. Raises RigError."""
    device = Device(made)
    rows: list[Row] = []
    print(f"\n{cuts} power cuts, seed {seed}\n\n{HEAD}", flush=True)
    last = Plan(False, False, False, 0.0, 0, 1, 0)  # shows what the last cut left
    for plan in [*plans(cuts, seed), last]:
        row = device.live(plan)
        if row is not None:
            rows.append(row)
            print(table_line(len(rows), row), flush=True)
    print(total_line(rows), flush=True)
    boots = sorted(device.boots)
    say(f"from the power to the first line: {boots[0]:.0f} to {boots[-1]:.0f} s, median {boots[len(boots) // 2]:.0f}")
    check_file_system(device.image)
    return rows


HEAD = (
    "| cut | while | written | acknowledged | found | torn | lost | longest loss, s | repaired | the card |\n"
    f"|---:|---|{6 * '---:|'}---|---|"
)


def table_line(number: int, row: Row) -> str:
    """As a row of a Markdown table; what else is wrong follows it."""
    cells = (len(row.written.times), row.written.flushed, len(row.found), row.torn, row.lost, f"{row.lost_seconds:.1f}")
    zeros, journal = f", {row.zeros} zeros" if row.zeros else "", ", journal" if row.journal else ""
    repaired = f"{row.repaired} B{zeros}{journal}"
    card = f"{row.left.writes}, {row.left.kept}, {row.left.torn}"
    line = " | ".join([str(number), row.plan.words(), *map(str, cells), repaired, card])
    return "\n".join([f"| {line} |", *(f"device: NOT as promised: {words}" for words in promises(row))])


def total_line(rows: list[Row]) -> str:
    """Of all cuts."""
    flushed, found = sum(row.written.flushed for row in rows), sum(len(row.found) for row in rows)
    cells = (sum(len(row.written.times) for row in rows), flushed, found, sum(row.torn for row in rows))
    longest = max(row.lost_seconds for row in rows)
    repaired = f"{sum(row.repaired > 0 for row in rows)} times, journal {sum(row.journal for row in rows)} times"
    card = ", ".join(str(sum(column)) for column in zip(*(row.left for row in rows), strict=True))
    lost = str(sum(row.lost for row in rows))
    line = " | ".join(["all", "", *map(str, cells), lost, f"{longest:.1f}", repaired, card])
    return f"| {line} |"


def promises(row: Row) -> list[str]:
    """Those that a row breaks."""
    words = list(row.broken)
    words += [f"{row.lost} lines that were flushed are lost"] if row.lost else []
    words += [f"{row.torn} torn lines are read"] if row.torn else []
    # The next line decides that it is time to flush, and the flush takes its time too.
    words += [f"{row.lost_seconds:.1f} s are lost"] if row.lost_seconds > FLUSH + 1 else []
    return words


def check_file_system(image: Path) -> None:
    """Whether e2fsck finds fault with what is left, after its journal is played back. Raises RigError."""
    subprocess.run(["e2fsck", "-E", "journal_only", "-p", str(image)], capture_output=True, check=False)
    done = subprocess.run(["e2fsck", "-f", "-n", str(image)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"{done.stdout}{done.stderr}device: e2fsck finds fault with the card, as said above")
    say("e2fsck finds no fault with the card")
