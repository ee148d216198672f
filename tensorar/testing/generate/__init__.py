"""Cases, values and reference parts that the checks are made of."""
