"""Turn the reasons around retries into sentences: scripts, larger requests, ignored failures.

Input: `Reason` records. Output: text without a final period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torc_tui.reasons import Kind, Reason
from torc_tui.wording.quantities import duration, listed, size

IGNORED = "this failure is ignored: jobs that depend on it start"


def amount_of(resource: str, amount: float) -> str:
    """Return an amount of memory, GPU memory or runtime in words."""
    return duration(amount) if resource == "runtime" else size(amount)


def _script_failed(reason: Reason) -> str:
    told = reason["error"] or f"exit {reason['code']}, see {reason['log']}"
    if reason["limited"] is not None:
        told = f"ended after {duration(reason['limited'])} (recovery_timeout), see {reason['log']}"
    return f"its recovery script failed: {told}"


def _not_grown(reason: Reason) -> str:
    resource = str(reason["resource"])
    amount = amount_of(resource, reason["requested"] or 0)
    limit = reason["limit"]
    all_of_it = "all that this machine has" if limit == "machine" else f"its {limit}"
    said = f"it already requests {amount} of {resource.replace('_', ' ')}"
    return f"not retried: {said}, {all_of_it}"


def _grown(reason: Reason) -> str:
    parts = []
    for resource in ("memory", "gpu_memory", "runtime"):
        if reason[resource] is not None:
            before, after = reason[resource]
            was = "" if before is None else f" instead of {amount_of(resource, before)}"
            parts.append(f"{amount_of(resource, after)} of {resource.replace('_', ' ')}{was}")
    return f"requests {listed(parts)}"


RETRY_SENTENCES: Mapping[Kind, Callable[[Reason], str]] = {
    Kind.SCRIPT_FAILED: _script_failed,
    Kind.NOT_GROWN: _not_grown,
    Kind.GROWN: _grown,
}
