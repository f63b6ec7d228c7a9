"""Who is who from frame to frame (tracker.py), and what each face shows over time (smoother.py)."""
