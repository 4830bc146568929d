"""Many like things as one sentence: "37 jobs failed: train_*". Pure."""

from __future__ import annotations

from collections.abc import Sequence


def common(names: Sequence[str]) -> str:
    """What the names share, as a pattern: ``train_*``, ``*_eval``, or a few of them where they share nothing."""
    if len(names) == 1:
        return names[0]
    first, last = min(names), max(names)
    start = 0
    while start < min(len(first), len(last)) and first[start] == last[start]:
        start += 1
    backwards = [name[::-1] for name in names]
    low, high = min(backwards), max(backwards)
    end = 0
    while end < min(len(low), len(high)) and low[end] == high[end]:
        end += 1
    prefix = first[:start].rstrip("0123456789.-") if start else ""
    suffix = low[:end][::-1] if end and not prefix else ""
    if len(prefix) >= 2 or len(suffix) >= 2:
        return f"{prefix}*{suffix}"
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} …"


def fold(word: str, names: Sequence[str]) -> str:
    """One sentence for jobs that became ``word`` at about the same time."""
    if len(names) == 1:
        return f"{names[0]} {word}"
    return f"{len(names)} jobs {word}: {common(names)}"
