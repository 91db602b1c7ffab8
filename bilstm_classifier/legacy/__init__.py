"""Checkpoints of older programs, read without running them and converted."""
