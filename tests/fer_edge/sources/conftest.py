"""FFmpeg reads its log level once, so it must be set before any test of any folder writes or reads a video."""

from fer_edge.sources.quiet import quiet_opencv

quiet_opencv()
