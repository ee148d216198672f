"""Templates of ``tensorar plugins new``: ``$name`` is the name of the part, ``$Name`` that of its class."""
