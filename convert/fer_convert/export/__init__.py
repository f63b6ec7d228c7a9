"""From a Keras model to .tflite: load, fold, equalize, quantize, the parity gate, and the cards."""
