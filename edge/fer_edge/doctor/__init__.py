"""What may be wrong, and the command that mends it: one module for each family of checks, one line here."""

# family -> a function of (Place) that gives Findings; they run in this order, each with a time limit
CHECKS = {
    "software": "fer_edge.doctor.software:look",
    "model": "fer_edge.doctor.model:look",
    "camera": "fer_edge.doctor.camera:look",
    "devices": "fer_edge.doctor.devices:look",
    "service": "fer_edge.doctor.service:look",
    "storage": "fer_edge.doctor.storage:look",
    "machine": "fer_edge.doctor.heat:look",
    "network": "fer_edge.doctor.network:look",
}
