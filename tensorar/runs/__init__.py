"""Run folders: what is written, how, and how it is read again."""
