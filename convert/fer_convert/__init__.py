"""The workstation side: train a network on FER2013 or on your own faces, convert it to .tflite, and measure it."""
