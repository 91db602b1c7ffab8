"""How good a classifier is: scores, what they are worth, and the report of a split."""
