"""Read and write JSON without the package ``json``: a job may call ``torc user-data`` very often.

Importing ``json`` takes 5 ms where ``re`` is not loaded, a third of a whole ``user-data get``. C
functions of the module ``_json`` do its work; they are called here directly.

Input and output are those of `json.loads` and `json.dumps`. Texts with mistakes are left to
``json``, and everything on a Python whose ``_json`` is different: so results and errors are equal.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPACES = " \t\n\r"
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Scanning:
    """Hold the attributes of `json.JSONDecoder` that its scanner in C reads."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int

    def __init__(self, parse_constant: Callable[[str], Any]) -> None:
        self.parse_constant = parse_constant


def _scanner(parse_constant: Callable[[str], Any]) -> Any:
    """Return a function from a text and a position to a value and its end; None: use ``json``."""
    try:
        from _json import make_scanner

        context: Any = _Scanning(parse_constant)
        return make_scanner(context)
    except (ImportError, AttributeError, TypeError):  # another Python
        return None


_scan = _scanner(_CONSTANTS.__getitem__)


def loads(text: str, refuse: Callable[[str], Any] | None = None) -> Any:
    """Return the value of a text, like `json.loads`; ``refuse`` is called for NaN and Infinity."""
    scan = _scan if refuse is None else _scanner(refuse)
    if scan is not None:
        try:
            value, end = scan(text, len(text) - len(text.lstrip(_SPACES)))
        except (StopIteration, SystemError):  # it finds no class of errors without `json`
            end = -1
        if end == len(text) or (end >= 0 and not text[end:].strip(_SPACES)):
            return value
    import json  # it words the mistake

    return json.loads(text, parse_constant=refuse)


def encoder(default: Callable[[Any], Any], *, allow_nan: bool) -> Callable[[Any], str]:
    """Return a function like `json.dumps` that writes compact text, keys in their order.

    ``default`` returns what is written for a value that is not JSON.
    """
    try:
        from _json import encode_basestring, make_encoder

        parts = make_encoder(
            None, default, encode_basestring, None, ":", ",", False, False, allow_nan
        )
    except (ImportError, TypeError):  # another Python
        from json import JSONEncoder

        return JSONEncoder(
            ensure_ascii=False, separators=(",", ":"), allow_nan=allow_nan, default=default
        ).encode
    return lambda value: "".join(parts(value, 0))


def indented(value: Any, default: Callable[[Any], str]) -> str:
    """Return what `json.dumps` writes with an indent of 2, without escapes."""
    write = encoder(default, allow_nan=True)

    def lines(value: Any, margin: str) -> str:
        inner = f"{margin}  "
        if isinstance(value, dict) and value:
            parts = [f"{name(key)}: {lines(each, inner)}" for key, each in value.items()]
            return f"{{{inner}{f',{inner}'.join(parts)}{margin}}}"
        if isinstance(value, (list, tuple)) and value:
            parts = [lines(each, inner) for each in value]
            return f"[{inner}{f',{inner}'.join(parts)}{margin}]"
        return write(value)

    def name(key: Any) -> str:
        return write(key) if isinstance(key, str) else write({key: 0})[1:-3]

    try:
        return lines(value, "\n")
    except RecursionError:  # `json` needs fewer frames
        import json

        return json.dumps(value, indent=2, ensure_ascii=False, default=default)
