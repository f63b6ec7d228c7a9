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

# name -> what it does, for help, which imports none of them
SUMMARIES = {
    "log": "JSON lines in a file, which the report and the history read",
    "console": "a line for each event in the terminal, and the faces in view",
    "csv": "a table for spreadsheets",
    "kiosk": "a page for the room's screen, a history and an API",
    "hook": "runs a program of yours for each event",
    "webhook": "posts each event to an address",
    "led": "lights on a Raspberry Pi's pins, and a pause button",
    "mqtt": "predictions by a broker, for Home Assistant and others",
    "crops": "saves pictures of your own face, to train on",
    "oled": "a drawn face on a small display",
}
