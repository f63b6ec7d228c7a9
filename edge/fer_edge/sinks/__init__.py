"""Where predictions go: one file or folder an output, one line here. README.md beside this file says how to add one."""

# name -> its `Output`: a function of (Settings, PauseSwitch), decorated by `output` of sinks/output.py
SINKS = {
    "log": "fer_edge.sinks.log:open_log",
    "console": "fer_edge.sinks.console:open_console",
    "csv": "fer_edge.sinks.csv_file:open_csv",
    "kiosk": "fer_edge.sinks.kiosk.sink:open_kiosk",
    "hook": "fer_edge.sinks.hook:open_hook",
    "webhook": "fer_edge.sinks.webhook:open_webhook",
    "led": "fer_edge.sinks.led:open_led",
    "mqtt": "fer_edge.sinks.mqtt.sink:open_mqtt",
    "crops": "fer_edge.sinks.crops:open_crops",
    "oled": "fer_edge.sinks.oled.sink:open_oled",
}
