"""Plain Markdown as pages of a site: tables of contents from lists of links, and links that leave the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docs.sitegen.generated import page_names

DOCS = Path(__file__).parents[1]
# pages whose lists of links are tables of contents
CONTENTS = ("index", "decisions/README")
LINK = re.compile(r"\[([^\]\n]+)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")
ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)#:]+)\.(?:md|ipynb)\)", re.MULTILINE)


def prepare(app: Any, name: str, source: list[str]) -> None:
    """Prepare the text of a page before Sphinx parses it."""
    if (page := DOCS / f"{name}.md").is_file() and not name.startswith("generated/"):
        contents = tables_of_contents(source[0]) if name in CONTENTS else ""
        source[0] = LINK.sub(lambda link: _within_site(link, page.parent), source[0]) + contents


def tables_of_contents(text: str) -> str:
    """A hidden table of contents for each section of a page, of the pages that its lists link to."""
    tables = []
    for section in re.split(r"^##? ", text, flags=re.MULTILINE)[1:]:
        caption = section.partition("\n")[0]
        entries = [_in_site(entry) for entry in ENTRY.findall(section)]
        if caption == "Reference":
            entries += [f"generated/{page}" for page in page_names()]
        if entries:
            tables.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"]))
    return "\n\n" + "\n\n".join(tables)


def _in_site(path: str) -> str:
    """Notebooks are copied into the site."""
    return path.replace("../examples/", "generated/examples/")


def _within_site(link: re.Match[str], folder: Path) -> str:
    """The link as it is, or text with the path in the repository if what it names is no page or file of the site."""
    text, path = link[1], folder / link[2]
    if path.suffix == ".ipynb":
        return f"[{text}]({_in_site(link[2])})"
    if not path.exists() or (path.is_file() and path.resolve().is_relative_to(DOCS)):
        return link[0]
    return f"{text} (`{path.resolve().relative_to(DOCS.parent)}`)"
