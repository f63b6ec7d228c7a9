"""What reads an expression from a face: one file per kind, one line here."""

CLASSIFIERS = {
    "tflite": "fer_edge.classifiers.tflite:TfliteClassifier",
    "fake": "fer_edge.classifiers.fake:FakeClassifier",
}
