"""Face detectors: one file for each, one line here: name -> "module:function".

The function takes (DetectorSettings, FaceVerifier, still) and returns an `fer_edge.types.Detector`. Most give a
`Search` to `fer_edge.detectors.following.detector_for`, which follows faces from frame to frame.
"""

AUTO = "auto"  # in settings: the best one that is installed, see fer_edge.detectors.auto
DETECTORS = {
    "haar": "fer_edge.detectors.haar:detector",
    "blazeface": "fer_edge.detectors.blazeface:detector",
    "yunet": "fer_edge.detectors.yunet:detector",
    "fake": "fer_edge.detectors.fake:detector",
    "tour": "fer_edge.detectors.tour:detector",
}
