"""What ``tensorar plugins new`` writes: ``$name`` is the part's name, ``$Name`` its class."""
