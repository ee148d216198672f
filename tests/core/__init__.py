"""The rule, and what follows from it."""
