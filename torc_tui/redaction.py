"""Remove passwords from texts that people read: errors, settings, crash logs.

Input: any text, and the URLs whose passwords may occur in it. Output: the text with ``***`` in
place of each password.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
_SECRET_WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "access_key")
_SHORTEST = 3
"""A shorter password is not replaced outside of URLs, because it would match parts of words."""


def may_contain_secret(text: str) -> bool:
    """Return whether `redact` could change the text; cheaper than `redact`."""
    return "://" in text or any(word in text.lower() for word in _SECRET_WORDS)


def redact(text: str, urls: Iterable[str] = ()) -> str:
    """Return the text without passwords: in URLs, after ``password=``, and those of ``urls``.

    A database server repeats a password by itself in its messages.
    """
    import re

    for secret in sorted({*_passwords(urls)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    # scheme://user:PASSWORD@host; the password ends at the last @ before the path
    text = re.sub(r"(://[^\s/:@'\"]*):[^\s/?#'\"]*@", rf"\1:{HIDDEN}@", text)
    value = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;'\"]+"
    name = rf"(?i)((?:{'|'.join(_SECRET_WORDS)})(?:[\w-]{{0,40}}\s*=|[\w-]{{0,40}}['\"]\s*:)\s*)"
    return re.sub(rf"{name}(?:{value})", rf"\1{HIDDEN}", text)


def redact_value(key: str, value: object) -> object:
    """Return the value of a setting as it may be shown: hidden if its key names a secret."""
    last = key.rpartition(".")[2].lower()
    if any(word in last for word in _SECRET_WORDS):
        return HIDDEN
    return redact(value) if isinstance(value, str) and may_contain_secret(value) else value


def password_of(url: str) -> str | None:
    """Return the password that a URL contains, decoded; None if it contains none."""
    from urllib.parse import parse_qs, unquote

    _, mark, rest = url.partition("://")
    if not mark:
        return None
    authority = rest.partition("/")[0]
    user, at, _ = authority.rpartition("@")
    given = user.partition(":")[2] if at else ""
    if given:
        return unquote(given)
    found = parse_qs(rest.partition("?")[2]).get("password")
    return found[0] if found else None


def check_url(rest: str) -> None:
    """Raise SettingsError for a URL of PostgreSQL of which libpq would show parts of the password.

    It takes them for a host, a port or a name. ``rest`` is the text after ``://``.
    """
    if not _splits_password(rest):
        return
    from torc_tui.errors import SettingsError

    raise SettingsError(
        "the URL of the database cannot be read: its form is"
        " postgresql://USER@HOST:PORT/NAME?PARAMETER=VALUE",
        hint="write special characters of the user and the password as codes:"
        " @ as %40, / as %2F, ? as %3F, % as %25, a space as %20",
    )


def _splits_password(rest: str) -> bool:
    place, _, parameters = rest.partition("?")
    authority, _, name = place.partition("/")
    user, _, hosts = authority.rpartition("@")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts.split(",")]
    return (
        "@" in user + name
        or " " in user
        or not all(port.isdecimal() for port in ports if port)
        or not all(_is_hex(part[:2]) for part in user.split("%")[1:])
        or not all("=" in one for one in parameters.split("&") if one)
    )


def _is_hex(code: str) -> bool:
    return len(code) == 2 and set(code) <= set("0123456789abcdefABCDEF")


def _passwords(urls: Iterable[str]) -> Iterable[str]:
    from urllib.parse import quote

    for url in urls:
        password = password_of(url)
        if password is not None:
            yield from (one for one in (password, quote(password)) if len(one) >= _SHORTEST)
