"""What kind of terminal this is, by its environment. Cheap to import: the command line asks before
loading the app.
"""

from __future__ import annotations

from collections.abc import Mapping


def refusal(environ: Mapping[str, str], *, interactive: bool = True) -> str | None:
    """The sentence with which the app refuses to start here, or None where it can.

    ``interactive`` says whether standard input and output are a terminal.
    """
    if not interactive:
        return "The app needs a terminal, and standard input or output is none; use `torc run` or `torc status`."
    term = environ.get("TERM", "")
    if term in ("dumb", "unknown"):
        return f"This terminal (TERM={term}) cannot place a cursor; use `torc run FILE` or `torc status ID` instead."
    if not term:
        return "TERM is not set, so nobody knows what this terminal can do; set it (e.g. TERM=xterm) and start again."
    return None


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether what is painted travels over ssh: then less often is better."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def colours(environ: Mapping[str, str]) -> int:
    """0 for none (NO_COLOR), 16, 256 or 1 << 24."""
    if environ.get("NO_COLOR"):
        return 0
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return 1 << 24
    term = environ.get("TERM", "")
    if "direct" in term or "kitty" in term or "ghostty" in term:
        return 1 << 24
    if "256" in term:
        return 256
    if term in ("vt100", "vt102", "vt220"):
        return 0
    return 16


def speaks_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale can show signs beyond ASCII. ``TORC_ASCII=1`` says no; the Linux console
    says no.
    """
    if environ.get("TORC_ASCII", "") not in ("", "0"):
        return False
    if environ.get("TERM") in ("linux", "vt100", "vt102", "vt220"):
        return False
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return not locale or "utf" in locale.lower() or locale not in ("C", "POSIX")
