"""Readings by an MQTT broker; `edge/fer_edge/sinks/mqtt/sink.py` puts these together.

names      what this device is called, and its topics
reports    which observations are worth a message, and what stands in it
discovery  what Home Assistant is told of the device
store      messages on the disk; outbox: those, and the newest, which are not there yet
link       one connection after the other, and what goes through it
broker     the client of the real broker: passwords, certificates, errors in words; fake: a broker in memory
"""
