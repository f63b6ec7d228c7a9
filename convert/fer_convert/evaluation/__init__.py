"""How good a model is: metrics, camera conditions, and the report."""
