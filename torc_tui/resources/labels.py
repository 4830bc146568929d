"""Match the labels of jobs and runners.

Input: labels. Output: whether a runner takes a job. Pure.
"""

from __future__ import annotations

from collections.abc import Collection


def serves(own: Collection[str], requested: Collection[str]) -> bool:
    """Return whether a runner takes a job: it has all labels of the job, or both have none."""
    return set(requested) <= set(own) if requested else not own
