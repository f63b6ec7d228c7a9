"""Where readings go: one file per output, one line here. README.md beside this file is for users and authors."""

# name -> a function of (Settings, Control) that returns an edge.types.Sink. The loop itself writes these: files, and
# queues, which are done in no time.
IN_LOOP = {
    "log": "edge.sinks.log:open_log",
    "console": "edge.sinks.console:open_console",
    "csv": "edge.sinks.rows:open_csv",
    "kiosk": "edge.sinks.kiosk:open_kiosk",
    "hook": "edge.sinks.hook:open_hook",
    "webhook": "edge.sinks.webhook:open_webhook",
}
# These are slow, and written in threads of their own, behind mailboxes: hardware, displays, the network.
IN_THREAD = {
    "led": "edge.sinks.led:open_led",
    "mqtt": "edge.sinks.mqtt:open_mqtt",
    "oled": "edge.sinks.oled:open_oled",
}
SINKS = IN_LOOP | IN_THREAD
