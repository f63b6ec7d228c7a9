"""Training: the recipe, the loop, checkpoints, distillation, and the engines that compute a step."""
