"""Read a workflow file, or its text, into a `WorkflowSpec`.

Input: a path, ``-`` for standard input, or a text. Output: the specification. Everything that is
wrong with a file is a SpecError that names the file. No other module of the package opens files.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from posixpath import splitext
from typing import TYPE_CHECKING, BinaryIO

from torc_tui.errors import Problem, SpecError, SpecSyntaxError
from torc_tui.lazy_regex import regex
from torc_tui.model import WorkflowSpec
from torc_tui.quoting import nearest, quoted, shorten
from torc_tui.records import replace
from torc_tui.workflow_file import FORMATS
from torc_tui.workflow_file.document import Document, List, Map, syntax_error
from torc_tui.workflow_file.parameters import ReadText
from torc_tui.workflow_file.parse import parse
from torc_tui.workflow_file.schema import WORKFLOW
from torc_tui.workflow_file.values import SURROGATE, InvalidValue, suggestion

if TYPE_CHECKING:
    from pathlib import Path

STDIN = "<stdin>"
"""The name of standard input in messages and in ``WorkflowSpec.file``."""

_READERS = {
    "json": "json_text:read_json",
    "json5": "json_text:read_json5",
    "yaml": "yaml_text:read_yaml",
    "kdl": "kdl:read_kdl",
}
"""In the order in which they are tried. A parser is imported when it is needed."""

_MAX_SIZE = 256 << 20
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LIKE_KDL = regex(r'^\s*(?:name|job|file|user_data|parameters)\s+(?:"|\w+=|\{)', re.MULTILINE)


def load(path: str | Path, values: Mapping[str, str] | None = None) -> WorkflowSpec:
    """Return the workflow of a file, or of standard input for ``-``.

    ``values`` replace those of variables and parameters. Raise SpecError with all problems, also if
    the file cannot be read.
    """
    if str(path) == "-":
        return _load_stdin(values)
    from pathlib import Path  # standard input, which jobs use, needs it not

    file = display_path(path)
    try:
        with Path(path).open("rb") as stream:
            content = _read(stream)
        real_path = Path(path).resolve()
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from None
    directory = Path(path).absolute().parent
    spec = loads(_decode(content, file), file=file, directory=directory, values=values)
    return replace(spec, real_path=str(real_path))


def _load_stdin(values: Mapping[str, str] | None) -> WorkflowSpec:
    try:
        content = _read(sys.stdin.buffer)
    except (OSError, ValueError) as error:
        raise _unreadable(STDIN, error) from None
    return read_bytes(content, values)


def read_bytes(content: bytes, values: Mapping[str, str] | None = None) -> WorkflowSpec:
    """Return the workflow in the bytes of standard input."""
    return loads(_decode(content, STDIN), file=STDIN, values=values)


def loads(
    text: str,
    *,
    format: str | None = None,
    file: str | None = None,
    directory: Path | None = None,
    values: Mapping[str, str] | None = None,
) -> WorkflowSpec:
    """Return the workflow in a text.

    ``format`` is one of json, json5, yaml, kdl; without it, the extension of ``file`` decides, and
    without a known extension, each is tried. A workflow without a name gets the name of ``file``
    without its extension. ``@values.txt`` and tables are read from ``directory``, or else from the
    current one.
    """
    if not text.strip():
        raise syntax_error("the file is empty" if file else "the text is empty", file=file)
    if not text.isascii() and (match := SURROGATE.search(text)):
        line = text.count("\n", 0, match.start()) + 1
        raise syntax_error("the text is not valid Unicode", file=file, line=line)
    name = splitext(os.path.basename(file))[0] if file and file != STDIN else "stdin"  # noqa: PTH119
    document = _document(text, format, file)
    _set_values(document, values or {})
    read: dict[str, str] = {}
    spec = parse(document, text_reader(directory, read), name=name, text=text)
    return replace(spec, set_values=dict(values or {}), value_files=read)


def display_path(path: str | Path) -> str:
    """Return a path as text that can be shown and stored: bytes that are not UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _unreadable(file: str, error: Exception) -> SpecError:
    reason = getattr(error, "strerror", None) or str(error)
    message = f"cannot read {quoted(file, 200)}: {reason}"
    hint = _near(file) if isinstance(error, FileNotFoundError) else None
    return SpecError(Problem(message, hint=hint, kind="unreadable"))


def _near(file: str) -> str | None:
    """Return a hint with the file of the directory that has a similar name."""
    folder, name = os.path.split(file)
    try:
        names = os.listdir(folder or ".")  # noqa: PTH208
    except OSError:
        return None
    near = nearest(name, names)
    return None if near is None else f"did you mean {quoted(os.path.join(folder, near))}?"  # noqa: PTH118


def _decode(content: bytes, file: str) -> str:
    if b"\0" in content[:4096] and not content.startswith(_UTF_16):
        raise syntax_error("this is a binary file, not a workflow", file=file)
    try:
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise syntax_error("the file is not UTF-8 text", file=file, line=line) from None


# -- formats ---------------------------------------------------------------------------------------


def _document(text: str, format: str | None, file: str | None) -> Document:
    chosen = format.lower() if format else FORMATS.get(splitext(file)[1].lower()) if file else None
    if chosen:
        chosen = "yaml" if chosen == "yml" else chosen
        if chosen not in _READERS:
            hint = suggestion(chosen, _READERS, f"formats: {', '.join(_READERS)}")
            raise SpecError(Problem(f"unknown format {quoted(chosen)}", file=file, hint=hint))
        return _read_as(chosen, text, file)
    refused: dict[str, Problem] = {}
    for name in _READERS:
        try:
            document = _read_as(name, text, file)
        except SpecSyntaxError as error:
            refused[name] = error.problems[0]
            continue
        if isinstance(document.value, Map) and (name != "kdl" or _is_workflow(document.value)):
            return document
        refused[name] = Problem("no mapping with 'jobs'", file=file, kind="syntax")
    raise SpecSyntaxError(_no_format(text, file, refused))


def _no_format(text: str, file: str | None, refused: Mapping[str, Problem]) -> Problem:
    """Return the problem of a text in no known format: that of the most similar format."""
    likely = (
        "json5" if text.lstrip().startswith("{") else "kdl" if _LIKE_KDL.search(text) else "yaml"
    )
    problem = refused[likely]
    if file:
        extension = splitext(file)[1]
        what = f"the extension {shorten(extension)}" if extension else "a file without extension"
        message = f"{what} is none of {' '.join(FORMATS)}, and the text is in none of these formats"
    else:
        message = f"the text is in none of the formats {', '.join(_READERS)}"
    return problem._replace(message=f"{message}; read as {likely}: {problem.message}")


def _read_as(format: str, text: str, file: str | None) -> Document:
    module, _, function = _READERS[format].partition(":")
    read = getattr(import_module(f"torc_tui.workflow_file.{module}"), function)
    document: Document = read(text, file)
    return document


def _is_workflow(value: Map) -> bool:
    """Return whether a mapping has a key of a workflow; nearly every text is KDL of some kind."""
    return any(key in WORKFLOW.keys for key in value)


# -- files -----------------------------------------------------------------------------------------


def _read(stream: BinaryIO) -> bytes:
    """Return the bytes of a file or pipe; raise ValueError where it is too large or a device."""
    mode = os.fstat(stream.fileno()).st_mode
    if stat.S_ISCHR(mode) and not stream.isatty():
        raise ValueError("this is a device, not a file")
    content = stream.read(_MAX_SIZE + 1)
    if len(content) > _MAX_SIZE:
        raise ValueError(f"the file is larger than {_MAX_SIZE >> 20} MiB")
    return content


def text_reader(directory: Path | None, read: dict[str, str] | None = None) -> ReadText:
    """Return a function that reads files with values relative to a directory, each only once.

    If the directory has no such file, the file in the current directory is read. The texts are
    added to ``read``.
    """
    texts = {} if read is None else read

    def read_text(name: str) -> str:
        if name in texts:
            return texts[name]
        from pathlib import Path

        path = (directory or Path()) / name
        try:
            if not path.exists():
                path = Path(name)
            with path.open("rb") as stream:
                texts[name] = _read(stream).decode("utf-8-sig")
                return texts[name]
        except UnicodeDecodeError:
            reason = "it is not UTF-8 text"
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
        raise InvalidValue(f"cannot take its values from {quoted(name, 120)}: {reason}")

    return read_text


def _set_values(document: Document, given: Mapping[str, str]) -> None:
    """Replace the values of variables and parameters in all their declarations."""
    if not given or not isinstance(document.value, Map):
        return
    places = list(_places(document.value))
    known = {name for place in places for name in place}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SpecError(
            [
                Problem(
                    f"--set {name}: the file declares no variable or parameter {quoted(name)}",
                    file=document.file,
                    hint=suggestion(name, known, "declare it under variables or parameters"),
                )
                for name in unknown
            ]
        )
    for place in places:
        for name in place.keys() & given.keys():
            place[name] = given[name]
            if place.spelled:
                place.spelled.pop(name, None)


def _places(top: Map) -> Iterator[Map]:
    """Yield the mappings of the document that declare variables or parameters."""
    entries = [
        entry
        for section in ("jobs", "files", "user_data")
        if isinstance(top.get(section), List)
        for entry in top[section]
        if isinstance(entry, Map)
    ]
    for declared in (top.get("variables"), *(one.get("parameters") for one in (top, *entries))):
        if isinstance(declared, Map):
            yield declared
