"""What reads an expression from a face: one file per kind, one line here."""

CLASSIFIERS = {
    "tflite": "edge.classifiers.tflite:TfliteClassifier",
    "fake": "edge.classifiers.fake:FakeClassifier",
}
