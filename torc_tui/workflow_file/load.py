"""A workflow file, or its text, to a ``WorkflowSpec``: which format it is, and reading it from the
disk.

In: a path or a text. Out: the spec. All that is wrong with a file is a SpecError that names it.
Only this module of the room opens files.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from torc_tui.errors import Problem, SpecError, SpecSyntaxError
from torc_tui.model import WorkflowSpec
from torc_tui.workflow_file.checks import Wrong, nearest
from torc_tui.workflow_file.document import Document, Map, clip, quoted, syntax_error
from torc_tui.workflow_file.parameters import ReadLines
from torc_tui.workflow_file.parse import parse
from torc_tui.workflow_file.schema import WORKFLOW

_READERS = {
    "json": "json_text:read_json",
    "json5": "json_text:read_json5",
    "yaml": "yaml_text:read_yaml",
    "kdl": "kdl:read_kdl",
}
"""In the order in which they are tried for a file of another ending. A parser is loaded when it is
needed."""

FORMATS = {".json": "json", ".json5": "json5", ".yaml": "yaml", ".yml": "yaml", ".kdl": "kdl"}
"""What the ending of a file says (letter case ignored)."""

_LIMIT = 256 << 20

_LIKE_KDL = re.compile(r'^\s*(?:name|job|file|user_data|parameters)\s+(?:"|\w+=|\{)', re.MULTILINE)


def load(path: str | Path) -> WorkflowSpec:
    """The workflow of that file. SpecError with all problems, also when the file cannot be read."""
    file = str(path)
    try:
        content = _read(Path(path))
        directory = Path(path).absolute().parent
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read {quoted(file, 200)}: {reason}"
        raise SpecError(Problem(message, file=None, kind="unreadable")) from None
    if b"\0" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise syntax_error("this is a binary file, not a workflow", file=file)
    try:
        text = content.decode(
            "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        )
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise syntax_error("this is not a text in UTF-8", file=file, line=line) from None
    return loads(text, file=file, directory=directory)


def loads(
    text: str, *, format: str | None = None, file: str | None = None, directory: Path | None = None
) -> WorkflowSpec:
    """The workflow of that text.

    ``format`` is one of json, json5, yaml, kdl; without it the ending of ``file`` decides, and
    without that each is tried. ``@values.txt`` is looked for in ``directory`` (by default the
    current one).
    """
    if not text.strip():
        raise syntax_error("the file is empty" if file else "the text is empty", file=file)
    return parse(_document(text, format, file), _line_reader(directory), text=text)


def _document(text: str, format: str | None, file: str | None) -> Document:
    chosen = format.lower() if format else FORMATS.get(Path(file).suffix.lower()) if file else None
    if chosen:
        chosen = "yaml" if chosen == "yml" else chosen
        if chosen not in _READERS:
            hint = nearest(chosen, list(_READERS)) or f"formats: {', '.join(_READERS)}"
            raise SpecError(Problem(f"unknown format {quoted(chosen)}", file=file, hint=hint))
        return _read_as(chosen, text, file)
    refused: dict[str, Problem] = {}
    for name in _READERS:
        try:
            document = _read_as(name, text, file)
        except SpecSyntaxError as error:
            refused[name] = error.problems[0]
            continue
        if isinstance(document.value, Map) and (
            name != "kdl" or _speaks_of_a_workflow(document.value)
        ):
            return document
        refused[name] = Problem("no mapping with 'name' and 'jobs'", file=file, kind="syntax")
    raise SpecSyntaxError(_in_no_format(text, file, refused))


def _in_no_format(text: str, file: str | None, refused: Mapping[str, Problem]) -> Problem:
    """One problem for a text that is in none of our formats: what is wrong with it as the one it
    most looks like."""
    likely = (
        "json5" if text.lstrip().startswith("{") else "kdl" if _LIKE_KDL.search(text) else "yaml"
    )
    problem = refused[likely]
    ending = Path(file).suffix if file else ""
    if file:
        what = f"the ending {clip(ending)}" if ending else "a file without an ending"
        message = f"{what} is none of {' '.join(FORMATS)}, and the text is none of these formats"
    else:
        message = f"the text is none of these formats: {', '.join(_READERS)}"
    return problem._replace(message=f"{message}; read as {likely}: {problem.message}")


def _read_as(format: str, text: str, file: str | None) -> Document:
    module, _, function = _READERS[format].partition(":")
    document: Document = getattr(import_module(f"torc_tui.workflow_file.{module}"), function)(
        text, file
    )
    return document


def _speaks_of_a_workflow(value: Map) -> bool:
    """Nearly every text is some KDL; one that holds none of our keys is not meant."""
    return any(key in WORKFLOW.keys for key in value)


def _read(path: Path) -> bytes:
    """The bytes of a file, bounded. A pipe is read too."""
    with path.open("rb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        if stat.S_ISCHR(mode) and not stream.isatty():
            raise ValueError("this is a device, not a file")
        content = stream.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise ValueError(f"the file is larger than {_LIMIT >> 20} MB")
    return content


def _line_reader(directory: Path | None) -> ReadLines:
    def read_lines(name: str) -> list[str]:
        try:
            content = _read((directory or Path()) / name)
            return content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise Wrong(
                f"cannot take its values from {quoted(name, 120)}: not a text in UTF-8"
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Wrong(f"cannot take its values from {quoted(name, 120)}: {reason}") from None

    return read_lines
