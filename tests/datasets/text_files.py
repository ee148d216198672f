"""Files of text that tests write."""


def text(folder, content, name="a.csv", encoding="utf-8"):
    """Write a file and return its path."""
    (folder / name).write_bytes(content.encode(encoding))
    return folder / name
