"""The page in the browser: answers HTTP by calling ``tensorar.workflows.explore``, and prints nothing."""
