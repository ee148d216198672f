"""The commands, one module each: parse options, call a workflow, print the result."""
