"""One module per command. Each is thin: it reads options, calls the public API, and shows what came back."""
