"""The mirrored scans of the Diagonal BiLSTM, one coefficient at a time."""
