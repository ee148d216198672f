"""Training: batches, optimizer, weight averaging, evaluation and the training loop."""
