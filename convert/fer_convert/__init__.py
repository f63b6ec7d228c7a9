"""fer-convert on the workstation: FER2013 or your own faces -> Mini-XCEPTION -> .tflite and its card."""
