"""Where readings go: one file per output, one line here."""

SINKS = {
    "log": "edge.sinks.log:Log",
    "console": "edge.sinks.console:Console",
}
