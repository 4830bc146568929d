"""The commands ``config …``: what is set, where it is from, and a file to begin with.

What comes in: the settings of this process. What goes out: text or JSON; ``config init`` writes one
TOML file, with tomlkit, so that what is in it already stays as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, say
from torc_tui.errors import Refused, SettingsError

_BEGINNING = (
    (
        "",
        (("database", "", "Where workflows are kept: a path, or postgresql://HOST/NAME."),),
    ),
    (
        "client",
        (("format", "table", "What lists print: table or json."),),
    ),
    (
        "client.run",
        (
            ("num_cpus", 4, "What `torc run` may use; without it, what the machine has."),
            ("memory_gb", 16.0, ""),
            ("num_gpus", 0, ""),
            ("max_parallel_jobs", 8, "A further limit on top of the others."),
            ("output_dir", "torc_output", "Where logs go."),
            ("grace", 30.0, "Seconds from SIGTERM to SIGKILL when jobs are stopped."),
        ),
    ),
)


def show(call: Call) -> None:
    found = settings.load()
    database = settings.database_url(call.database)
    origin = "--database" if call.database else found.origins.get("database", "default")
    if call.json:
        values = {**found.values, "database": database}
        output.json_value({"values": values, "origins": {**found.origins, "database": origin}})
        return
    rows: list[tuple[str, Any, str]] = [("database", _no_password(database), origin)]
    rows += [
        (key, _value(found, key), where)
        for key, where in sorted(found.origins.items())
        if key != "database"
    ]
    keys = ("key", "value", "from")
    columns: list[output.Column] = [("Setting", "key"), ("Value", "value"), ("From", "from")]
    output.table(columns, [dict(zip(keys, row, strict=True)) for row in rows])


def paths(call: Call) -> None:
    files = [
        {
            "what": f"configuration ({scope})",
            "path": str(Path(path).absolute()),
            "exists": os.path.exists(path),  # noqa: PTH110
        }
        for scope, path in settings.config_paths()
    ]
    database = settings.database_url(call.database).removeprefix("sqlite:///")
    for what, path in (("database", database), ("state", settings.state_dir())):
        files.append(
            {
                "what": what,
                "path": _no_password(path),
                "exists": "://" in path or os.path.exists(path),  # noqa: PTH110
            }
        )
    if call.json:
        output.json_value(files)
    else:
        output.table([("What", "what"), ("Path", "path"), ("Exists", "exists")], files)


def init(call: Call) -> None:
    options = call.options
    scope = "local" if options.local else "system" if options.system else "user"
    path = Path(dict(settings.config_paths())[scope]).absolute()
    if path.exists() and not options.force:
        raise Refused(
            f"{path} is there already", hint="--force adds what it lacks, and changes nothing in it"
        )
    text = with_beginning(path.read_text(encoding="utf-8") if path.exists() else "", str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    call.done({"path": str(path)}, f"Wrote {path}")


def with_beginning(text: str, path: str) -> str:
    """``text`` with every known setting that it lacks, as a comment with a sentence; what is there
    stays."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise settings.toml_error(path, text, error) from error
    present = settings.Settings()
    present.merge(document.unwrap(), path)
    if not text:
        document.add(tomlkit.comment("Settings of torc. Remove the # of a line to use it."))
    for section, entries in _BEGINNING:
        missing = [
            entry for entry in entries if f"{section}.{entry[0]}".lstrip(".") not in present.origins
        ]
        if not missing:
            continue
        place: Any = document
        for part in filter(None, section.split(".")):
            if part not in place:
                place[part] = tomlkit.table()
            place = place[part]
        for key, value, sentence in missing:
            if sentence:
                place.add(tomlkit.comment(sentence))
            place.add(tomlkit.comment(f"{key} = {tomlkit.item(value).as_string()}"))
    return tomlkit.dumps(document)


def validate(call: Call) -> int:
    found = settings.load()
    doubts = settings.doubts(found)
    if call.json:
        output.json_value({"valid": not doubts, "problems": doubts})
    else:
        for doubt in doubts:
            say(doubt)
        if not doubts:
            output.line("The settings are valid")
    return FAILED if doubts else 0


def _value(found: settings.Settings, key: str) -> Any:
    value: Any = found.values
    for part in key.split("."):
        value = value[part]
    return value


def _no_password(url: str) -> str:
    from torc_tui.store.connect import shown

    return shown(url)
