"""Parts and plugins: options, specs, hooks and the registry. No part is known here by name."""
