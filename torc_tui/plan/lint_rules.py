"""Warn of failure rules that never apply, and of keys of rules that have no effect.

Input: a plan without errors. Output: `Problem` records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torc_tui.errors import Problem
from torc_tui.model import FailureRule, Plan, Source
from torc_tui.plan.names import called
from torc_tui.quoting import quoted

_NEEDS = {
    "memory_limit": "memory",
    "runtime_limit": "runtime",
    "backoff": "delay",
    "max_delay": "delay",
    "recovery_timeout": "recovery_script",
    "if_script_fails": "recovery_script",
}
"""Key of a rule -> the key without which it has no effect."""
_DEFAULT = FailureRule()


def lint_rules(plan: Plan) -> Iterator[Problem]:
    """Yield the warnings about failure handlers, ``on_oom`` and ``on_timeout``."""
    for handler in plan.spec.failure_handlers:
        for number, rule in enumerate(handler.rules, 1):
            where = f"rule {number} of failure_handler {quoted(handler.name)}"
            given = {key: getattr(rule, key) for key in {*_NEEDS, *_NEEDS.values()}}
            given = {key: one for key, one in given.items() if one != getattr(_DEFAULT, key)}
            if not (rule.exit_codes or rule.causes or rule.match_all_exit_codes):
                hint = "give it exit_codes, causes or match_all_exit_codes"
                yield _warn(plan, f"{where} never applies", handler.source, "rules", hint)
            yield from _useless(plan, given, where, handler.source, "rules")
    yield from _end_rules(plan, plan.spec.settings, "", plan.spec.source)
    seen: list[Any] = []
    for job in plan.spec.jobs:
        if job.options and job.options not in seen:  # the jobs of a group share them
            seen.append(job.options)
            yield from _end_rules(plan, job.options, f" of job {called(job)}", job.source)


def _end_rules(
    plan: Plan, given: Mapping[str, Any], whose: str, source: Source
) -> Iterator[Problem]:
    for key in ("on_oom", "on_timeout"):
        if key in given:
            yield from _useless(plan, given[key], f"{key}{whose}", source, key)


def _useless(
    plan: Plan, given: Mapping[str, Any], where: str, source: Source, key: str
) -> Iterator[Problem]:
    for name, needed in _NEEDS.items():
        if name in given and needed not in given:
            message = f"{quoted(name)} of {where} has no effect without {quoted(needed)}"
            yield _warn(plan, message, source, key)


def _warn(plan: Plan, message: str, source: Source, key: str, hint: str | None = None) -> Problem:
    file = source.file or plan.spec.file
    return Problem(message, file, source.line_of(key), None, key, hint, "no-effect")
