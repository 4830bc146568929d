"""Measure short attempts once, where a scan of all processes would come too late or too often.

Input: attempts. Output: a sample in the measures of those that have none yet. The kernel lists the
children of a process, so that one attempt takes a few reads, whatever else runs on the machine.
Where the kernel does not list them, nothing is measured here: the shell alone would be too little.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from torc_tui.executors.attempt import RunningAttempt
from torc_tui.resources.session_processes import descendants

FIRST_SAMPLE_SECONDS = 0.05
"""Age of an attempt at its first sample."""


def take_first_samples(attempts: Iterable[RunningAttempt], now: float) -> float:
    """Measure the attempts that are old enough and have no sample; return when to call again."""
    following = math.inf
    for attempt in attempts:
        if attempt.measures.peak_memory is not None:
            continue
        due = attempt.began + FIRST_SAMPLE_SECONDS
        if now < due:
            following = min(following, due)
        elif members := descendants(attempt.pid):
            memory = sum(member.memory for member in members)
            attempt.measures.sample(now, members, memory)
    return following
