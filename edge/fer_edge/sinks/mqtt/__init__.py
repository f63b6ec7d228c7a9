"""Predictions by an MQTT broker; `edge/fer_edge/sinks/mqtt/sink.py` puts the parts together.

names      the device's name and its topics
reports    which observations get a message, and what it holds
discovery  the message from which Home Assistant makes the device; entities: what the device has
health     how the device itself is, at intervals; counts: faces of the day
store      messages on the disk; outbox: those, and the newest, which are still in memory
link       the connection: opened again when lost, messages sent and acknowledged
broker     the client of a real broker: passwords, certificates, error messages; fake: a broker in memory
"""
