"""``tensorar plugins new``."""

from __future__ import annotations

import keyword
import re
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

if TYPE_CHECKING:
    from tensorar.parts.part import Kind

KINDS = ("ordering", "head", "backbone", "dataset")
ALL_KINDS = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
NAME = re.compile(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?")
TEMPLATES = Path(__file__).parents[1] / "templates"


def new(
    kind: Annotated[str, typer.Argument(help=f"The kind of part: {ALL_KINDS}.")],
    name: Annotated[str, typer.Argument(help="The part's name: a lowercase identifier.")],
    out: Annotated[
        Path | None,
        options.out("The new folder. Default: tensorar_NAME.", "FOLDER"),
    ] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Create a small plugin package: a part, its test, and the files to install it."""
    _require_name(kind, name)
    output, folder = Output(as_json=json), out or Path(f"tensorar_{name}")
    files = {path: _text(template, kind, name) for path, template in _files(kind, name).items()}
    _write(folder, files)
    output.print(f"created a plugin with the {kind} {name} in {folder}:", style="bold")
    for path in files:
        output.print(f"  {path}")
    output.print(f"check it with: tensorar plugins check {folder / f'tensorar_{name}.py'}")
    output.print_json({"folder": str(folder), "kind": kind, "name": name, "files": list(files)})


def _files(kind: str, name: str) -> dict[str, str]:
    """The files of the package, with their templates."""
    return {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        **_modules(kind, name),
        f"tests/test_{name}.py": "test.py",
    }


def _modules(kind: str, name: str) -> dict[str, str]:
    """The files of the package that are installed, with their templates: the module, and the data of a dataset."""
    data = {f"tensorar_{name}.csv": "example.csv"} if kind == "dataset" else {}
    return {f"tensorar_{name}.py": f"{kind}.py"} | data


def _text(template: str, kind: str, name: str) -> str:
    text = Template((TEMPLATES / f"{template}.template").read_text(encoding="utf-8"))
    included = ", ".join(f'"{file}"' for file in _modules(kind, name))
    return text.substitute(name=name, Name=_title(name), kind=kind, dashed=name.replace("_", "-"), included=included)


def _title(name: str) -> str:
    """The name of the part's class."""
    return "".join(word.capitalize() for word in name.split("_"))


def _require_name(kind: str, name: str) -> None:
    from tensorar import SpecError
    from tensorar.parts.spec import nearest

    if kind not in KINDS:
        raise SpecError(expected=ALL_KINDS, got=repr(kind), remedy=nearest(kind, KINDS))
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.iskeyword(_title(name)):
        raise SpecError(
            expected="a lowercase identifier that is not a Python keyword",
            got=repr(name),
            remedy=f"write for example tensorar plugins new {kind} my_{kind}",
        )
    source = _source(kind, name)
    if source is not None:
        raise SpecError(expected=f"an unused name for the {kind}", got=f"{name!r} of {source}", remedy="choose another")


def _source(kind: str, name: str) -> str | None:
    """The plugin of an existing part of that kind and name, or the installed module of that name."""
    from tensorar import default_registry

    known = default_registry().parts(cast("Kind", kind))
    if name in known:
        return str(known[name].source)
    return f"the installed module tensorar_{name}" if find_spec(f"tensorar_{name}") else None


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write all files or none: into a temporary folder, which is then renamed."""
    from tensorar import RunError
    from tensorar.utils.files import umask

    if folder.exists() or folder.is_symlink():
        raise RunError(expected="a new folder", got=f"the existing {folder}", remedy="choose another with --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-plugin-", dir=folder.parent))
    try:
        for path, text in files.items():
            (temporary / path).parent.mkdir(exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
        temporary.chmod(0o777 & ~umask())
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
