"""Files of texts: what visitors upload, how it is classified, and what they download."""
