"""Write the JSON Schema that editors use to complete and check workflow files."""

from __future__ import annotations

import json
import os
from pathlib import Path

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.docs.key_meanings import key_meanings
from torc_tui.errors import UsageError
from torc_tui.quoting import quoted
from torc_tui.workflow_file.editor_schema import workflow_schema


def schema(call: Call) -> None:
    """Print the schema, or write it to a file."""
    given = call.options.output
    if given in (None, "-"):
        output.json_value(workflow_schema(key_meanings()))
        return
    try:
        Path(given).write_text(_text(), encoding="utf-8")  # may be a device or symbolic link
    except OSError as error:
        raise UsageError(f"{quoted(given)} cannot be written: {error.strerror}") from error
    call.done({"path": str(Path(given).absolute())}, f"Wrote {given}")


def comment() -> str:
    """Return the comment that points editors to the schema; "" if the schema cannot be written."""
    path = Path(settings.data_dir()) / "workflow-schema.json"
    try:
        settings.make_private(str(path.parent))
        _write(path)
    except OSError:
        return ""
    return f"# yaml-language-server: $schema={path}\n"


def _write(path: Path) -> None:
    """Replace the schema atomically, because an editor may be reading the file."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(_text(), encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _text() -> str:
    return json.dumps(workflow_schema(key_meanings()), indent=1, ensure_ascii=False) + "\n"
