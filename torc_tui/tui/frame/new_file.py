"""Write a new file whose name the user typed; a file that exists is never overwritten."""

from __future__ import annotations

from pathlib import Path

from torc_tui.errors import UsageError


def absolute(text: str) -> Path:
    """Return the absolute path that was typed."""
    return Path(text.strip()).expanduser().absolute()


def write_new(path: Path, text: str) -> Path:
    """Write a file that does not exist yet; raise UsageError if it does or cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} already exists", hint="choose another name, or move the file away"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return path


def written(path: Path) -> str:
    """Report a file that was written."""
    return f"wrote {path}"


def file_name(name: str) -> str:
    """Return a name without characters that file names should not have."""
    plain = "".join(char if char.isalnum() or char in "-_." else "-" for char in name)
    return plain.strip("-.") or "workflow"
