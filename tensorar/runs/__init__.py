"""Run folders: what they contain, and how it is written and read."""
