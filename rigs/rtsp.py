"""A real RTSP server, GStreamer's, as cameras have it: H.264 and H.265, over TCP and UDP, with a password.

Its own program, for the system's Python: apt install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly
gstreamer1.0-plugins-bad. `/usr/bin/python3 rtsp.py [PORT]` prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTHON = "/usr/bin/python3"
USER, PASSWORD = "ann", "s3cret"
RAW = "videotestsrc is-live=true pattern={} ! video/x-raw,width=320,height=240,framerate=15/1{}"
H264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96"
H265 = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph265pay name=pay0 pt=96"
PATHS = {
    "/h264": f"{RAW.format('ball', '')} ! {H264}",
    "/h265": f"{RAW.format('ball', '')} ! {H265}",
    # Its left edge is white.
    "/left": f"{RAW.format('black', '')} ! videobox left=16 ! videobox left=-16 fill=white ! {H264}",
    "/wide": f"{RAW.format('ball', ',pixel-aspect-ratio=2/1')} ! {H264}",
}


class NotInstalled(Exception):  # noqa: N818
    """GStreamer's server, or an encoder, is not there; says what."""


@contextmanager
def serve(port: int = 0) -> Iterator[int]:
    """The port of a running server, `port` if that is not 0. Raises NotInstalled."""
    program = [PYTHON, str(Path(__file__)), str(port)]
    try:
        pipe = subprocess.PIPE
        server = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    except FileNotFoundError as cause:
        raise NotInstalled(str(cause)) from None
    with server:
        assert server.stdout is not None
        assert server.stderr is not None
        bound = server.stdout.readline().strip()
        if not bound:
            raise NotInstalled((server.stderr.read().strip().splitlines() or ["it ended"])[-1])
        try:
            yield int(bound)
        finally:
            server.terminate()


def main() -> None:
    import gi  # type: ignore[import-not-found]

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]

    Gst.init(None)
    for encoder in ("x264enc", "x265enc", "rtph264pay", "rtph265pay"):
        if not Gst.ElementFactory.find(encoder):
            raise SystemExit(f"GStreamer has no {encoder}")
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1] if len(sys.argv) > 1 else "0")
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(2)  # Digest, which cameras ask for
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "user")
    auth.add_digest(USER, PASSWORD, token)
    server.set_auth(auth)
    for path, pipeline in PATHS.items():
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(True)
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_role("user")
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("user", permission, True)
        factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    if not server.attach(None):
        raise SystemExit("the port is taken")
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


if __name__ == "__main__":
    main()
