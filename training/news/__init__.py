"""The news corpus: readers, rules that map rubrics to categories, cleaning, stories."""
