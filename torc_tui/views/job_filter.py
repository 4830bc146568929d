"""Test the rows of the job table against a filter.

Input: a filter as text (`filter_syntax`), and what rows do not contain (`Context`). Output: a test
for rows. A test looks at no other row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from torc_tui.model import Job, ResourceRequirements
from torc_tui.patterns import is_found
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.views.filter_syntax import All, Either, Node, Not, ParameterTerm, Term, Word, parse
from torc_tui.views.filter_tokens import ORDERS
from torc_tui.views.job_parameters import number_of_text, parameters_of

Predicate = Callable[[Job], bool]
TextOf = Callable[[Job], str]
NumberOf = Callable[[Job], float | None]


@dataclass(slots=True, kw_only=True)
class Context:
    """The data that a filter needs besides the rows.

    ``parameters`` are the names of the parameters of jobs. ``after`` and ``before`` return the ids
    downstream and upstream of the jobs with a name or matching a pattern with ``*``. ``gpus``
    returns the indices and UUIDs of the GPUs that a job holds.
    """

    requirements: Mapping[int, ResourceRequirements] = field(default_factory=dict)
    parameters: Collection[str] = ()
    now: float = 0.0
    why: TextOf = lambda job: ""
    gpus: Callable[[Job], Sequence[str]] = lambda job: ()
    after: Callable[[str], Collection[int]] = lambda name: ()
    before: Callable[[str], Collection[int]] = lambda name: ()


def compile_filter(text: str, context: Context) -> Predicate:
    """Return a filter as a test for rows.

    ``after`` and ``before`` of the context are called now, the rest at each test.
    """
    return _compile(parse(text, context.parameters), context)


def _compile(node: Node, context: Context) -> Predicate:
    match node:
        case Word(text):
            word = text.lower()
            return lambda job: word in job.name.lower()
        case Not(of):
            inner = _compile(of, context)
            return lambda job: not inner(job)
        case All(of):
            tests = [_compile(part, context) for part in of]
            return lambda job: all(test(job) for test in tests)
        case Either(of):
            tests = [_compile(part, context) for part in of]
            return lambda job: any(test(job) for test in tests)
        case ParameterTerm():
            return _parameter_test(node)
        case Term():
            return _test(node, context)


def _parameter_test(term: ParameterTerm) -> Predicate:
    """Return the test for a parameter; a job without the parameter never passes."""
    holds = _parameter_condition(term)

    def test(job: Job) -> bool:
        text = parameters_of(job.values).get(term.name)
        return text is not None and holds(text)

    return test


def _parameter_condition(term: ParameterTerm) -> Callable[[str], bool]:
    value, op = term.value, term.op
    if op in ("~", "!~"):
        return lambda text: is_found(value, text) is (op == "~")
    if op in ORDERS:
        compare = _COMPARE[op]
        return lambda text: (number := number_of_text(text)) is not None and compare(number, value)
    wanted, word = number_of_text(value), value.lower()

    def equals(text: str) -> bool:
        number = None if wanted is None else number_of_text(text)
        if number is not None:
            return number == wanted
        return word in text.lower() if op == ":" else word == text.lower()

    return (lambda text: not equals(text)) if op == "!=" else equals


def _test(term: Term, context: Context) -> Predicate:
    value = term.value
    if term.key == "status":
        wanted = frozenset(JobStatus) - value if term.op == "!=" else value
        return lambda job: job.status in wanted
    if term.key in ("after", "before"):
        ids = frozenset(context.after(value) if term.key == "after" else context.before(value))
        return lambda job: job.id in ids
    if term.key == "gpu":
        return lambda job: value in context.gpus(job)
    if term.key in ("held", "suspended"):
        return lambda job: getattr(job, term.key) is value
    if term.key in _TEXT_OF:
        return _text_test(_TEXT_OF[term.key](context), term)
    number, compare = _NUMBER_OF[term.key](context), _COMPARE[term.op]

    def test(job: Job) -> bool:
        found = number(job)
        return found is not None and compare(found, value)

    return test


def _text_test(text_of: TextOf, term: Term) -> Predicate:
    if term.op == "~":
        return lambda job: is_found(term.value, text_of(job))
    if term.op == "!~":
        return lambda job: not is_found(term.value, text_of(job))
    word = term.value.lower()
    if term.op == ":":
        return lambda job: word in text_of(job).lower()
    if term.op == "=":
        return lambda job: text_of(job).lower() == word
    return lambda job: text_of(job).lower() != word


def _requirement(name: str) -> Callable[[Context], NumberOf]:
    def of(context: Context) -> NumberOf:
        values = {number: getattr(record, name) for number, record in context.requirements.items()}
        return lambda job: values.get(job.requirement_id)

    return of


def _time(context: Context) -> NumberOf:
    def of(job: Job) -> float | None:
        if job.started_at is None:
            return None
        return (context.now if job.ended_at is None else job.ended_at) - job.started_at

    return of


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ":": eq, "=": eq, "!=": ne, ">": gt, "<": lt, ">=": ge, "<=": le,
}  # fmt: skip
_TEXT_OF: Mapping[str, Callable[[Context], TextOf]] = {
    "name": lambda context: lambda job: job.name,
    "group": lambda context: lambda job: job.group,
    "label": lambda context: lambda job: ",".join(job.labels),
    "why": lambda context: lambda job: context.why(job),
}
_NUMBER_OF: Mapping[str, Callable[[Context], NumberOf]] = {
    "id": lambda context: lambda job: job.id,
    "cpus": _requirement("num_cpus"),
    "memory": _requirement("memory"),
    "gpus": _requirement("num_gpus"),
    "runtime": _requirement("runtime"),
    "time": _time,
    "priority": lambda context: lambda job: job.priority,
    "attempt": lambda context: lambda job: job.attempt_id,
    "exit": lambda context: lambda job: job.return_code,
}
