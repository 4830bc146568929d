"""Show the settings and their origins, check them, and write a configuration file to start from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from torc_tui import settings
from torc_tui.cli import columns, output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, print_stderr
from torc_tui.config_file import toml_error
from torc_tui.errors import Refused, SettingsError
from torc_tui.quoting import nearest
from torc_tui.redaction import redact, redact_value


def show(call: Call) -> None:
    """Print every setting with its origin."""
    found = settings.load()
    found.set(
        "database",
        settings.database_url(call.database),
        "--database" if call.database else found.origins.get("database", "default"),
    )
    values = {key: redact_value(key, found.raw(key)) for key in found.origins}
    if call.json:
        shown = settings.Settings()
        for key, value in values.items():
            shown.set(key, value, found.origins[key])
        output.json_value({"values": shown.values, "origins": shown.origins})
        return
    keys = sorted(values, key=lambda key: (key != "database", key))
    rows = [{"key": key, "value": values[key], "origin": found.origins[key]} for key in keys]
    output.table(columns.SETTINGS, rows)


def paths(call: Call) -> None:
    """Print the paths of files and directories, and whether they exist."""
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
        exists = "://" in path or os.path.exists(path)  # noqa: PTH110
        files.append({"what": what, "path": redact(path), "exists": exists})
    if call.json:
        output.json_value(files)
    else:
        output.table(columns.PATHS, files)


def init(call: Call) -> None:
    """Write a configuration file, or add missing settings to one."""
    options = call.options
    scope = "local" if options.local else "system" if options.system else "user"
    path = Path(dict(settings.config_paths())[scope]).absolute()
    if path.exists() and not options.force:
        raise Refused(
            f"{path} already exists", hint="--force adds missing settings and changes nothing else"
        )
    text = with_template(path.read_text(encoding="utf-8") if path.exists() else "", str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
    call.done({"path": str(path)}, f"Wrote {path}")


def with_template(text: str, path: str) -> str:
    """Return a configuration file with every setting that it does not mention added as a comment.

    Its values stay the same, and a second call adds nothing.
    """
    present = _values(text, path)
    if not text:
        text = "# Settings of torc. Remove the # of a line to use it.\n"
    mentioned = _mentioned(text)
    added: dict[str, list[str]] = {}
    for name, (value, comment) in settings.STARTS.items():
        section, _, key = name.rpartition(".")
        if name not in present and key not in mentioned:
            lines = added.setdefault(section, [])
            lines += [f"# {comment}"] if comment else []
            lines.append(f"# {key} = {json.dumps(value)}")
    for section, lines in added.items():
        text = _with_comments(text, section, lines, path)
    return text


def _with_comments(text: str, section: str, comments: list[str], path: str) -> str:
    """Return the text with comments at the beginning of a section."""
    lines = text.splitlines()
    headings = [index for index, line in enumerate(lines) if line.lstrip().startswith("[")]
    mine = [index for index in headings if lines[index].partition("#")[0].strip() == f"[{section}]"]
    if mine:
        lines[mine[0] + 1 : mine[0] + 1] = comments
    elif section:
        lines += ["", f"[{section}]", *comments]
    else:
        place = headings[0] if headings else len(lines)
        lines[place:place] = [*comments, ""] if headings else comments
    changed = "\n".join(lines) + "\n"
    try:
        if _values(changed, path) == _values(text, path):
            return changed
    except SettingsError:
        pass  # the section exists in another form, or a string looks like a heading
    return (
        "\n".join([text.rstrip("\n"), "", *([f"# [{section}]"] if section else []), *comments])
        + "\n"
    )


def _values(text: str, path: str) -> dict[str, Any]:
    """Return the values of a configuration file by their dotted keys."""
    import tomllib

    found = settings.Settings()
    try:
        found.merge(tomllib.loads(text), path)
    except tomllib.TOMLDecodeError as error:
        raise toml_error(path, text, error) from error
    return {key: found.raw(key) for key in found.origins}


def _mentioned(text: str) -> set[str]:
    """Return the keys that comments contain."""
    comments = (line.strip() for line in text.splitlines())
    return {
        comment.lstrip("# ").partition("=")[0].strip()
        for comment in comments
        if comment.startswith("#") and "=" in comment
    }


def validate(call: Call) -> int:
    """Print what is wrong with the settings; exit code 1 if anything is."""
    problems = problems_of(settings.load())
    if call.json:
        output.json_value({"valid": not problems, "problems": problems})
        return FAILED if problems else 0
    for problem in problems:
        print_stderr(problem)
    if not problems:
        output.line("The settings are valid")
    return FAILED if problems else 0


def problems_of(found: settings.Settings) -> list[str]:
    """Return what is wrong with settings: unknown keys and wrong values, a sentence each."""
    problems = []
    for key, origin in found.origins.items():
        if key in settings.KEYS:
            try:
                value = found.get(key)
            except SettingsError as error:
                problems.append(error.message)
                continue
            if value not in settings.CHOICES.get(key, (value,)):
                problems.append(f"{origin}: {settings.wrong_choice(key, value)}")
        elif key in settings.WITHOUT_EFFECT:
            problems.append(f"{origin}: {key} has no effect")
        elif key.split(".")[0] not in settings.FOREIGN_SECTIONS:
            problems.append(f"{origin}: {key} is not a setting{_suggestion(key)}")
    return problems


def _suggestion(key: str) -> str:
    near = nearest(key, settings.KEYS)
    return f"; did you mean {near}?" if near else ""
