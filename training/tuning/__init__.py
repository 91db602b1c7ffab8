"""Search over hyper-parameters: space, study, what is written of it."""
