"""Masked convolutions for any order and number of axes, as a whole pass and one coefficient at a time."""
