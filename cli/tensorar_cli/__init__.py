"""The command line of tensorar."""
