"""Scripts for shells and the manual page, made by packaging/completions.py."""
