"""The Hugging Face Hub: transport, pushing and pulling models, and their cards."""
