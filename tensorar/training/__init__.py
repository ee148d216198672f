"""Training: settings, schedule, batches, averaging, evaluation and the loop."""
