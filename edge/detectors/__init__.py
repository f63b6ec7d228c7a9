"""What finds faces: one file per detector, one line here: name -> "module:function".

The function takes (DetectorSettings, Witness, still) and returns an `edge.types.Detector`. Most give a `Search` to
`edge.detectors.following.found_by`, which follows faces from frame to frame.
"""

DETECTORS = {
    "haar": "edge.detectors.haar:detector",
    "yunet": "edge.detectors.yunet:detector",
    "fake": "edge.detectors.fake:detector",
}
