"""Reasons as data: made, stored and read back."""

from __future__ import annotations

import pytest

from torc_tui.reasons import Argument, Kind, because, decode

INNER = because(Kind.DEPENDENCY, job="prep \N{SNOWMAN} '\"{}", status="failed", more=2)
VALUES: list[Argument] = [None, True, 3, 0.1, "{", "", (), ("a", ("b", 1.5)), INNER, (INNER, None)]


@pytest.mark.parametrize("kind", list(Kind))
def test_round_trip(kind: Kind) -> None:
    """A column gives back the reason that was stored, and so does the data of an event."""
    for start in range(len(VALUES)):
        values = VALUES[start:] + VALUES[:start]
        reason = because(kind, **dict(zip(sorted(kind.arguments), values, strict=False)))
        assert decode(reason.encode()) == reason
        assert decode(reason.to_json()) == reason
        assert hash(decode(reason.encode())) == hash(reason)


@pytest.mark.parametrize(
    "text",
    [
        "canceled by ann",
        "exit 3",
        "{",
        '{"a":1}',
        '{"kind":"no such kind"}',
        '{"kind":"exit","x":1}',
    ],
    ids=["user", "exit", "brace", "object", "kind", "argument"],
)
def test_text(text: str) -> None:
    """A text that is no stored reason is a reason of its own, whatever it looks like."""
    assert decode(text) == because(Kind.TEXT, text=text)


def test_nothing() -> None:
    assert decode(None) is None
    assert decode("") is None


def test_arguments() -> None:
    """A kind takes its own arguments only; those that are left out are None."""
    reason = because(Kind.EXIT, code=3)
    assert (reason["code"], reason["disk"]) == (3, None)
    with pytest.raises(KeyError):
        reason["actor"]
    with pytest.raises(TypeError, match=r"kind exit has no argument actor, tool$"):
        because(Kind.EXIT, code=3, tool="make", actor="ann")


def test_order_of_arguments() -> None:
    """The order in which arguments are written down makes no difference."""
    one = because(Kind.DEPENDENCY, job="prep", status="failed")
    other = because(Kind.DEPENDENCY, status="failed", job="prep")
    assert (one, one.encode()) == (other, other.encode())


def test_text_stays_readable() -> None:
    assert because(Kind.TEXT, text="größer").encode() == '{"kind":"text","text":"größer"}'
