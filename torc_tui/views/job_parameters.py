"""Parse the parameters of a job for the columns and filters of the job table. Pure.

Input: the parameters of a job as JSON, as the database has them. Output: texts and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from json import JSONDecoder
from math import isnan

from torc_tui.model import Job
from torc_tui.units import printed

MEASURED = 1000
"""Number of jobs whose values are measured."""
_LONGEST_NUMBER = 20
"""Digits up to which numbers inside of texts are compared as numbers."""
_decode = JSONDecoder().raw_decode
_DIGITS = re.compile("[0-9]+")


@lru_cache(maxsize=4096)
def parameters_of(values: str) -> Mapping[str, str]:
    """Return the values of a job by the names of its parameters, as commands contain them."""
    pairs = _decode(values)[0].items() if values else ()
    return {name: printed(value) for name, value in pairs}


def parameters_text(values: str) -> str:
    """Return the parameters of a job as one line: ``lr=0.1 seed=3``."""
    return " ".join(f"{name}={value}" for name, value in parameters_of(values).items())


def parameter_names(jobs: Iterable[Job]) -> list[str]:
    """Return the names of the parameters of all jobs, in the order of their first jobs."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for job in jobs:
        # All jobs of a group have the same parameters.
        if job.values and job.group not in seen:
            seen.add(job.group)
            found |= dict.fromkeys(parameters_of(job.values))
    return list(found)


def widest_values(jobs: Iterable[Job]) -> dict[str, int]:
    """Return the longest value of each parameter among the first jobs, in characters."""
    found: dict[str, int] = {}
    for job in islice(jobs, MEASURED):
        for name, value in parameters_of(job.values).items():
            found[name] = max(found.get(name, 0), len(value))
    return found


def number_of_text(text: str) -> float | None:
    """Return the number that a text represents; None for any other text and for ``nan``."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if isnan(number) else number


def place_of(job: Job, name: str) -> tuple[int, float, str]:
    """Return the sort key of a job by a parameter: as `place_of_value`, jobs without it last."""
    text = parameters_of(job.values).get(name)
    return (2, 0.0, "") if text is None else place_of_value(text)


@lru_cache(maxsize=4096)
def place_of_value(text: str) -> tuple[int, float, str]:
    """Return the sort key of a value: numbers, then texts, with ``v2`` before ``v10``."""
    number = number_of_text(text)
    if number is not None:
        return 0, number, ""
    return 1, 0.0, _DIGITS.sub(lambda found: found[0].zfill(_LONGEST_NUMBER), text)
