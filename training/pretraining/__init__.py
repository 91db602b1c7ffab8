"""Pre-training of the small encoder: prose, packed token ids, batches, model, checkpoints."""
