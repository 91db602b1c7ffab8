"""Texts and their labels: read from files, cleaned, split, and encoded for a model."""
