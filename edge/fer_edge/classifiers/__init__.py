"""Classifiers, which predict a face's emotion: one file for each, one line here: name -> "module:function".

The function takes ClassifierSettings and returns an `fer_edge.types.Classifier`. It raises ModelError.
"""

CLASSIFIERS = {
    "tflite": "fer_edge.classifiers.tflite:classifier",
    "fake": "fer_edge.classifiers.fake:classifier",
    "tour": "fer_edge.classifiers.tour:classifier",
}
