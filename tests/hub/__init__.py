"""A Hugging Face Hub on 127.0.0.1 for the tests: the unmodified clients push to it, list it and download from it.

``python -m tests.hub`` starts it for a person. It knows nothing of Xet, so clients need ``HF_HUB_DISABLE_XET=1``.
"""
