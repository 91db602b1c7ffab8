"""Training a classifier: from a recipe to a folder with the model."""
