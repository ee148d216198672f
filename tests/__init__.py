"""The tests: ``core`` the rule and what follows from it, ``parts`` the built-in parts and the plugin system."""
