"""Decide what follows from a failure: which rule applies, and with what the job runs again.

Input: the end of an attempt, the rules for its job, what the job requests and the machine has.
Output: a rule, the request of the next attempt, the time until it. Nothing is read or written here.

Invariants
* The first rule that applies decides; later rules are not asked when its retries are used up.
* A request never grows beyond the limits of its rule, nor beyond what the machine has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from signal import SIGKILL
from typing import Any

from torc_tui.model import Cause, FailureRule, Machine, ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, replace
from torc_tui.tuples import NamedTuple

KILLED = 128 + SIGKILL
"""Exit code of a process that SIGKILL has ended, as the kernel does when memory runs out."""
LONGEST_DELAY = 30 * 86_400.0
"""Longest time before a retry, in seconds, where the rule sets none."""
_STEPS = {"memory": 64 << 20, "gpu_memory": 64 << 20, "runtime": 60.0}
"""What a rule can increase -> the unit to which new values are rounded up (bytes, seconds)."""
GROWING = tuple(_STEPS)
"""What a rule may increase."""
CHANGING = (*GROWING, "num_gpus")
"""The resources that a retry may change: more GPU memory may become a whole GPU."""
_SHORT = {Cause.OOM: "memory", Cause.GPU_OOM: "gpu_memory", Cause.TIMEOUT: "runtime"}


@dataclass(frozen=True, slots=True)
class Policies:
    """The rules for one job: those of its failure handler, and those for two kinds of ends."""

    rules: Sequence[FailureRule] = ()
    on_oom: FailureRule | None = None
    on_timeout: FailureRule | None = None

    def all(self) -> list[FailureRule]:
        """Return all rules."""
        more = (self.on_oom, self.on_timeout)
        return [*self.rules, *(rule for rule in more if rule is not None)]


NO_POLICIES = Policies()


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """What a job requests, the peaks of its last attempt, and the machine of the next one.

    ``is_last`` is set if there is no further retry after the next one.
    """

    requirements: ResourceRequirements
    peak_memory: int | None = None
    peak_gpu_memory: int | None = None
    machine: Machine | None = None
    is_last: bool = False


class Growth(NamedTuple):
    """The request of the next attempt if it changes, or why it cannot grow."""

    requirements: ResourceRequirements | None = None
    stop: Reason | None = None


def rule_for(code: int | None, cause: Cause, policies: Policies) -> FailureRule | None:
    """Return the rule for an end: by its exit code, its cause, for any code, or for its kind."""
    tests: tuple[Callable[[FailureRule], bool], ...] = (
        lambda rule: code in rule.exit_codes,
        lambda rule: cause.value in rule.causes,
        lambda rule: rule.match_all_exit_codes,
    )
    for test in tests:
        for rule in policies.rules:
            if test(rule):
                return rule
    if cause is Cause.TIMEOUT:
        return policies.on_timeout
    return policies.on_oom if short_of(code, cause) else None


def short_of(code: int | None, cause: Cause) -> str | None:
    """Return the resource that an attempt lacked, by its end; None if that is not known."""
    if cause is Cause.SIGNAL and code == KILLED:  # by the kernel: nobody here has sent it
        return "memory"
    return _SHORT.get(cause)


def grow(rule: FailureRule, code: int | None, cause: Cause, request: RetryRequest | None) -> Growth:
    """Return the request of the next attempt.

    If the end tells which resource was short and the rule has a factor for it, only that grows. A
    job that declares no memory starts from the peak of its last attempt. Unknown values do not
    change. A job that ran out of the memory of a share of a GPU gets the whole GPU if the increased
    share would be the whole GPU, if its use is unknown, and for the last of several retries.
    """
    if request is None:
        return Growth()
    short = short_of(code, cause)
    if short == "gpu_memory" and rule.gpu_memory is not None and _gets_whole(rule, request):
        return Growth(replace(request.requirements, num_gpus=1, gpu_memory=None))
    wanted = {what: getattr(rule, what) for what in GROWING if getattr(rule, what) is not None}
    if short in wanted:
        wanted = {short: wanted[short]}
    new: dict[str, Any] = {}
    stop: Reason | None = None
    for what, factor in wanted.items():
        current = _current(what, request)
        if current is None:
            continue
        limit, named = _limit(what, rule, request.machine)
        value = min(_rounded(what, current * factor), limit)
        if current < 0:  # per cent of a GPU
            value = max(math.floor(current * factor), -100)
        if abs(value) > abs(current):
            new[what] = value
        else:
            stop = because(Kind.NOT_GROWN, resource=what, requested=current, limit=named)
    if not new:
        return Growth(stop=stop)
    return Growth(replace(request.requirements, **new))


def _gets_whole(rule: FailureRule, request: RetryRequest) -> bool:
    """Return whether a retry with a share of a GPU gets the whole GPU instead of a larger share."""
    asked = request.requirements
    if not (0 < asked.num_gpus < 1 or (asked.num_gpus == 0 and asked.gpu_memory is not None)):
        return False
    current = _current("gpu_memory", request)
    if not current or rule.gpu_memory is None or (request.is_last and rule.max_retries > 1):
        return True
    if current < 0:
        return current * rule.gpu_memory <= -100
    return current * rule.gpu_memory >= _limit("gpu_memory", rule, request.machine)[0]


def _current(what: str, request: RetryRequest) -> float | None:
    """Return what a job requests of a resource, or has used if it requests none."""
    declared: float | None = getattr(request.requirements, what)
    if declared is not None:
        return declared
    if what == "memory":
        return request.peak_memory
    return request.peak_gpu_memory if what == "gpu_memory" else None


def _rounded(what: str, value: float) -> float:
    step = _STEPS[what]
    return math.ceil(value / step) * step


def _limit(what: str, rule: FailureRule, machine: Machine | None) -> tuple[float, str]:
    """Return up to which value a request may grow, and what sets that limit."""
    limits: list[tuple[float, str]] = [(math.inf, "machine")]
    own = getattr(rule, f"{what}_limit", None)
    if own is not None:
        limits.append((own, f"{what}_limit"))
    if machine is not None and what == "memory":
        limits.append((machine.memory, "machine"))
    if machine is not None and what == "gpu_memory":
        limits.append((_largest(gpu.memory for gpu in machine.gpus), "machine"))
    return min(limits)


def _largest(sizes: Iterable[int]) -> float:
    return max(sizes, default=0) or math.inf


def delay_before(rule: FailureRule, retries: int) -> float:
    """Return the seconds between an end and the next attempt; ``retries`` were used before."""
    try:
        seconds = rule.delay * rule.backoff**retries
    except OverflowError:
        seconds = math.inf
    return min(seconds, LONGEST_DELAY if rule.max_delay is None else rule.max_delay)
