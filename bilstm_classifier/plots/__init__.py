"""Pictures of data, training and answers, as PNG files."""
