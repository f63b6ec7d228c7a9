"""Where readings go: one file per output, one line here. README.md beside this file is for users and authors."""

# name -> a function of (Settings, PauseSwitch) that returns a Sink. The loop itself writes these: files, and
# queues, which are done in no time.
IN_LOOP = {
    "log": "fer_edge.sinks.log:open_log",
    "console": "fer_edge.sinks.console:open_console",
    "csv": "fer_edge.sinks.csv_file:open_csv",
    "kiosk": "fer_edge.sinks.kiosk.sink:open_kiosk",
    "hook": "fer_edge.sinks.hook:open_hook",
    "webhook": "fer_edge.sinks.webhook:open_webhook",
}
# These are slow, and written in threads of their own, behind mailboxes: hardware, displays, the network.
IN_THREAD = {
    "led": "fer_edge.sinks.led:open_led",
    "mqtt": "fer_edge.sinks.mqtt.sink:open_mqtt",
    "oled": "fer_edge.sinks.oled.sink:open_oled",
}
SINKS = IN_LOOP | IN_THREAD
