"""What may be wrong, and the command that mends it: one module for each family of checks, one line here."""

# family -> a function of (Place) that gives Findings; they run in this order, each with a time limit
CHECKS = {
    "software": "edge.doctor.software:look",
    "model": "edge.doctor.model:look",
    "camera": "edge.doctor.camera:look",
    "devices": "edge.doctor.devices:look",
    "service": "edge.doctor.service:look",
    "storage": "edge.doctor.storage:look",
    "machine": "edge.doctor.heat:look",
    "network": "edge.doctor.network:look",
}
