"""`fer-edge run`: the loop on a camera, a stream, a video or the demo, until it ends or a signal stops it."""

from __future__ import annotations

import argparse
from functools import partial

from fer_edge.commands.options import add_settings_options, positive, read_settings
from fer_edge.commands.run_outputs import DefaultOutputs, with_outputs
from fer_edge.errors import SettingsError
from fer_edge.service import runtime
from fer_edge.settings import Settings, parse
from fer_edge.sinks import SUMMARIES


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="auto (default), picamera, camera:N, demo, tour, a path, a URL (rtsp, http); see fer-edge cameras",
    )
    outputs = parser.add_argument_group("outputs", "where predictions go: log and console, or what run.sinks names")
    outputs.add_argument(
        "--sink", metavar="NAME", action="append", help="this one too (repeatable); see fer-edge outputs"
    )
    outputs.add_argument(
        "--only-sink", metavar="NAME", action="append", help="this one alone (repeatable: these alone), and no other"
    )
    outputs.add_argument("--log", metavar="FILE", help="appended to (default: fer-edge.jsonl in this folder)")
    outputs.add_argument("--log-mode", choices=("changes", "frames"), help="what gets a line (default: changes)")
    outputs.add_argument(
        "--save-crops", metavar="FOLDER", help="save pictures of the one face in view there, as training data"
    )
    outputs.add_argument("--label", metavar="NAME", help="with --save-crops: what that face shows")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--fps", metavar="N", type=float, help="frames a second at most")
    limits.add_argument("--max-frames", metavar="N", type=positive, help="stop after so many frames")
    add_settings_options(parser)
    lines = [f"  {name:10}  {summary}" for name, summary in SUMMARIES.items()]
    parser.epilog = "\n".join(["names of outputs:", *lines, "", parser.epilog or ""]).rstrip()


# options -> the settings that they stand for
NAMED = {
    "source": "source.name",
    "save_crops": "crops.folder",
    "label": "crops.label",
    "log": "log.path",
    "log_mode": "log.mode",
    "fps": "source.fps",
}


def run(options: argparse.Namespace) -> int:
    """Run the loop, then print the summary; the exit code. Raises FerEdgeError."""
    return runtime.run(partial(_read, options, DefaultOutputs()), options.max_frames, options.config)


def _read(options: argparse.Namespace, defaults: DefaultOutputs) -> Settings:
    """The settings; `--sink` and `--save-crops` add outputs. Raises SettingsError."""
    settings = with_outputs(read_settings(options, NAMED), options, defaults)
    if options.save_crops is None:
        if options.label is not None:
            raise SettingsError("--label: is for --save-crops FOLDER; give both")
        return settings
    return parse({"run": {"sinks": [*settings.run.sinks, "crops"]}}, settings)
