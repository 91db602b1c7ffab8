"""Comparison of models on one test: runs, their answers, figures, what is written."""
