"""Rows of metrics."""


def metrics_row(step, **changed):
    """What an evaluation writes."""
    row = {"step": step, "seconds": 0.5, "train_nats": 9.0, "valid_nats": 10.0 / step, "valid_bits_per_dim": 1.5}
    row |= {"valid_perplexity": 2.5, "valid_exact": True, "valid_data_nats": None, "learning_rate": 1e-3}
    return row | changed
