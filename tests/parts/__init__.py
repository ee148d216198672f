"""The built-in parts and the plugin system."""
