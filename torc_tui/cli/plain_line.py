"""Read the options of a plain command line without argparse, whose import takes 4 ms.

Input: the words after a command. Output: options and other words, or None for a line that the full
parser must read: it words all mistakes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_plain(
    words: Sequence[str], values: Mapping[str, str], flags: Sequence[str] = ()
) -> tuple[dict[str, str], list[str]] | None:
    """Return the options by name, and the other words.

    ``values`` has the names of the options with a value, ``flags`` those without. None for an
    unknown option, an option given twice, and one that lacks its value.
    """
    options: dict[str, str] = {}
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        name, mark, value = word.partition("=")
        if word == "-" or not word.startswith("-"):
            others.append(word)
            continue
        if word in flags:
            options[word.lstrip("-")] = ""
            continue
        joined = mark and name.startswith("--")
        key = values.get(name if joined else word)
        following = value if joined else next(rest, None)
        if key is None or key in options or following is None:
            return None
        options[key] = following
    return options, others
