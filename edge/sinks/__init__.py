"""Where readings go: one file per output, one line here."""

# name -> a function of the Settings that returns an edge.types.Sink
SINKS = {
    "log": "edge.sinks.log:open_log",
    "console": "edge.sinks.console:open_console",
}
