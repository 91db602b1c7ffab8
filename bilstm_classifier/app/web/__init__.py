"""What stands around Gradio: requests are looked at before it, little is kept by it, and it ends when it is told to."""
