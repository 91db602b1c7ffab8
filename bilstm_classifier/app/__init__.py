"""The Gradio app: live prediction in a browser, and the same functions for programs.

``bilstm-classifier serve`` starts it, ``space/app.py`` starts it on Hugging Face. ``page`` puts the ``tabs`` together,
``endpoints`` holds what programs call, and both go through ``service``, which has the model; ``server`` serves them.
"""
