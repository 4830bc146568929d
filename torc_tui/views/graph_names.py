"""Name a set of files or records as their entry in the workflow file does: ``raw_{source}``.

Input: their names, and the parameters of a job that writes or reads each. Output: one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

_DIGITS = re.compile(r"\d+")
_MOST_PLACES = 4
"""Number of places of a value in a name that are tried one by one."""


def shared_name(names: Sequence[str], parameters: Sequence[Mapping[str, str]]) -> str:
    """Return the name with parameters that fits all; otherwise what the names have in common.

    Digits that differ are ``#``, other differences ``*``.
    """
    for name in _templates(names[0], parameters[0]):
        if all(_filled(name, some) == own for own, some in zip(names, parameters, strict=True)):
            return "".join(name)
    digits = {_DIGITS.sub("#", name) for name in names}
    if len(digits) == 1:
        return digits.pop()
    first, last = min(names), max(names)
    start = _common(first, last)
    ends = [name[start:][::-1] for name in names]
    end = _common(min(ends), max(ends))
    return f"{first[:start]}*{first[len(first) - end :]}"


def _templates(name: str, parameters: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the name in parts, with values replaced by ``{parameter}``: most of them first.

    A part is a replaced value if it begins with a brace and ends with one.
    """
    found = [[name]]
    for parameter, value in sorted(parameters.items(), key=lambda pair: -len(pair[1])):
        if value:
            found = [more for parts in found for more in _replaced(parts, value, parameter)]
    yield from sorted(found, key=len, reverse=True)


def _replaced(parts: list[str], value: str, parameter: str) -> Iterator[list[str]]:
    places = [
        (at, match.start())
        for at, part in enumerate(parts)
        if not part.startswith("{")
        for match in re.finditer(re.escape(value), part)
    ]
    if len(places) > _MOST_PLACES:
        return
    for count in range(len(places) + 1):
        for chosen in combinations(places, count):
            out = []
            for at, part in enumerate(parts):
                done = 0
                for start in (start for own, start in chosen if own == at):
                    out += [part[done:start], f"{{{parameter}}}"]
                    done = start + len(value)
                out.append(part[done:])
            yield [part for part in out if part]


def _filled(parts: Sequence[str], parameters: Mapping[str, str]) -> str:
    return "".join(
        parameters.get(part[1:-1], part) if part.startswith("{") else part for part in parts
    )


def _common(first: str, last: str) -> int:
    """Return how many characters at the start of two texts are the same."""
    pairs = zip(first, last, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last)))
