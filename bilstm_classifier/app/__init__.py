"""The Gradio app: live prediction in a browser, and the same functions for programs.

``bilstm-classifier serve`` starts it, ``space/app.py`` starts it on Hugging Face. Each tab of the page is a module
whose name ends in ``_tab``; ``endpoints`` holds what programs call; both go through ``service``, which has the model.
"""
