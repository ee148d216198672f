"""Every code block of every page: commands parse, Python and TOML too, and pictures have their command beside them.

Blocks of ``bash``, of ``python`` and sessions (``$``) are run by the tests of their page. What takes hours or a second
machine is a block of ``sh`` (or a session) below a comment with the reason why it is not run; here it is parsed.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from tensorar import Registry
from tensorar_cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "generated" not in page.parts)]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"^!\[.*?\]\((.*?)\)$", re.MULTILINE)
NOT_RUN = re.compile(r"^<!-- not run: .{10,} -->\n(?=```)", re.MULTILINE)
TESTS = [path for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name]
# what a launcher is told comes before the module and what tensorar is told
LAUNCHED = re.compile(r"^(?:\S+=\S+ )*(?:torchrun|accelerate launch) .*-m(?:odule)? tensorar_cli ")


_application = cache(lambda: get_command(app))


@pytest.fixture(autouse=True)
def _plugins_are_not_there(monkeypatch):
    monkeypatch.setattr(Registry, "load_file", lambda *_: None)


def _page(path):
    return str(path.relative_to(ROOT))


def _commands(block):
    """The commands of tensorar in a block of a shell."""
    for line in block.replace("\\\n", " ").splitlines():
        line = LAUNCHED.sub("tensorar ", line)
        if line.startswith("tensorar "):
            words = shlex.split(line, comments=True)[1:]
            yield words[: words.index("...")] if "..." in words else words


def _parse(words):
    """Parse a command without running it. Raises a usage error for an unknown command, option or value."""
    command = _application()
    context = command.make_context("tensorar", list(words))
    words = [*context._protected_args, *context.args]
    while hasattr(command, "commands"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words), parent=context)
        words = [*getattr(context, "_protected_args", []), *context.args]


@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_the_blocks_of_a_page_parse(page):
    for language, block in BLOCK.findall(page.read_text()):
        assert language in ("", "bash", "sh", "python", "toml")
        if language == "python":
            compile(block, str(page), "exec")
        elif language == "toml":
            tomllib.loads(block)
        else:
            for words in _commands(block):
                _parse(words)


def _kinds(text):
    """Each block: its language, or ``session`` or ``command``; and whether a reason not to run it is above it."""
    reasons = {found.end() for found in NOT_RUN.finditer(text)}
    for block in BLOCK.finditer(text):
        untagged = "session" if block[2].startswith("$ ") else "command" if "tensorar " in block[2] else ""
        yield block[1] or untagged, block.start() in reasons


@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_blocks_are_run_or_say_why_not(page):
    text = page.read_text()
    kinds = list(_kinds(text))
    assert [kind for kind, excused in kinds if excused != (kind == "sh") and kind != "session"] == []
    if {kind for kind, excused in kinds if not excused} & {"bash", "python", "session"}:
        assert [test for test in TESTS if page.name in test.read_text()], f"no test reads {page.name}"


def test_a_block_without_a_reason_is_found():
    excused = "<!-- not run: two hosts are needed -->\n```sh\ntensorar a\n```\n"
    page = excused + "\n```sh\ntensorar b\n```\n\n```\n$ tensorar c\n```\n"
    assert list(_kinds(page)) == [("sh", True), ("sh", False), ("session", False)]


def test_a_wrong_option_is_found():
    for words in (["train", "mnist", "--nonsense"], ["runs", "lost"], ["sample", "runs/a", "--number", "many"]):
        with pytest.raises(Exception, match=r"(?i)no such|valid integer"):
            _parse(words)


@pytest.mark.parametrize("page", [page for page in PAGES if PICTURE.search(page.read_text())], ids=_page)
def test_every_picture_has_its_command_beside_it(page):
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        if PICTURE.match(line):
            beside = "\n".join(lines[max(0, number - 16) : number + 5])
            assert re.search(r"`?(tensorar [a-z]|python tests/)", beside), line


def test_every_picture_is_on_a_page():
    shown = {(page.parent / path).resolve() for page in PAGES for path in PICTURE.findall(page.read_text())}
    assert shown == {path.resolve() for path in (ROOT / "docs" / "pictures").glob("*.png")}
