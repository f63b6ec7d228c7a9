"""`fer-edge doctor`: what may be wrong, and the command that fixes it.

One module for each group of checks, one line here.
"""

# group -> a function of (Context) that yields Findings; they run in this order, each with a time limit
CHECKS = {
    "software": "fer_edge.doctor.software:check",
    "model": "fer_edge.doctor.model:check",
    "camera": "fer_edge.doctor.camera:check",
    "devices": "fer_edge.doctor.devices:check",
    "service": "fer_edge.doctor.service:check",
    "storage": "fer_edge.doctor.storage:check",
    "machine": "fer_edge.doctor.thermal:check",
    "network": "fer_edge.doctor.network:check",
}
