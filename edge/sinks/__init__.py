"""Where readings go: one file per output, one line here. README.md beside this file is for users and authors."""

# name -> a function of (Settings, Control) that returns an edge.types.Sink. The loop itself writes these: files and
# streams that are done in no time.
IN_LOOP = {
    "log": "edge.sinks.log:open_log",
    "console": "edge.sinks.console:open_console",
}
# These work in threads of their own, behind mailboxes: hardware, the network, other programs.
IN_THREAD = {
    "led": "edge.sinks.led:open_led",
}
SINKS = IN_LOOP | IN_THREAD
