"""`fer-edge run`: the loop on a camera, a stream, a video or the demo, until it ends or a signal stops it."""

from __future__ import annotations

import argparse
from functools import partial

from fer_edge.commands.options import add_settings_options, positive, read_settings
from fer_edge.errors import SettingsError
from fer_edge.service import runtime
from fer_edge.settings import Settings, parse
from fer_edge.sinks import SINKS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="auto (default), picamera, camera:N, demo, tour, a path, a URL (rtsp, http); see fer-edge cameras",
    )
    parser.add_argument(
        "--sink",
        metavar="NAME",
        action="append",
        help=f"where predictions go (repeatable; default: log and console): {', '.join(SINKS)}",
    )
    parser.add_argument(
        "--save-crops", metavar="FOLDER", help="save pictures of the one face in view there, as training data"
    )
    parser.add_argument("--label", metavar="NAME", help="with --save-crops: what that face shows")
    parser.add_argument("--log", metavar="FILE", help="appended to (default: fer-edge.jsonl in this folder)")
    parser.add_argument("--log-mode", choices=("changes", "frames"), help="what gets a line (default: changes)")
    parser.add_argument("--fps", metavar="N", type=float, help="frames a second at most")
    parser.add_argument("--max-frames", metavar="N", type=positive, help="stop after so many frames")
    add_settings_options(parser)


# options -> the settings that they stand for
NAMED = {
    "source": "source.name",
    "sink": "run.sinks",
    "save_crops": "crops.folder",
    "label": "crops.label",
    "log": "log.path",
    "log_mode": "log.mode",
    "fps": "source.fps",
}


def run(options: argparse.Namespace) -> int:
    """Run the loop, then print the summary; the exit code. Raises FerEdgeError."""
    return runtime.run(partial(_read, options), options.max_frames)


def _read(options: argparse.Namespace) -> Settings:
    """The settings; `--save-crops` adds its output. Raises SettingsError."""
    settings = read_settings(options, NAMED)
    if options.save_crops is None:
        if options.label is not None:
            raise SettingsError("--label: is for --save-crops FOLDER; give both")
        return settings
    return parse({"run": {"sinks": [*settings.run.sinks, "crops"]}}, settings)
