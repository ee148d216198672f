"""Parts and where they come from: options, specs, hooks and the registry. Nothing here knows a part by name."""
