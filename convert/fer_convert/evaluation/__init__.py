"""How good a model is: metrics, camera conditions, votes of people, and the report."""
