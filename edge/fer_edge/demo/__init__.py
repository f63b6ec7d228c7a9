"""A clip drawn from one portrait, so that everything can be tried without a camera."""
