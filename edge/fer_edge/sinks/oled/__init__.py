"""Small displays: `screen` draws a picture, `devices` opens a display, `sink` shows the one on the other."""
