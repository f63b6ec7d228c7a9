"""What finds faces: one file per detector, one line here."""

DETECTORS = {
    "haar": "edge.detectors.haar:HaarDetector",
    "yunet": "edge.detectors.yunet:YuNetDetector",
    "fake": "edge.detectors.fake:FakeDetector",
}
