"""Colours, drawn faces, and boxes in pictures."""
