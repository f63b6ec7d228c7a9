"""Labelled faces: read from CSV or folders, augmented, and put into batches."""
