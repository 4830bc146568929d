"""Show a parameterized job group as a sweep: parameters, results and figures of each job.

Input: jobs, their peaks of memory, and the JSON that they wrote. Output: values by column, in order
and as CSV. A *figure* is a scalar in the user data, named by its path (``.val_loss``). Pure.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

from torc_tui.model import Job, Json
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.job_parameters import parameters_of, place_of_value
from torc_tui.views.json_document import Path, jq_path, path_of, value_at
from torc_tui.views.status_bar import MOST_TELLING

PARAMETER = "parameter "
"""Prefix of the column of a parameter."""
FIXED = ("status", "time", "memory", "exit", "attempt", "id", "name")
"""The columns that every sweep has besides its parameters and figures."""
MEASURES = ("time", "memory", "exit", "attempt")
"""Those of them that are numbers."""
SAMPLED = 1000
"""Records that are searched for figures."""
MOST_LEAVES = 200
"""Scalars of a record that are offered as figures."""
LONGEST_LIST = 8
"""Elements up to which a list is searched: longer ones are series."""
CHOSEN_AT_FIRST = 4
"""Figures that are shown until the user chooses."""
_URGENCY = {status: place for place, status in enumerate(MOST_TELLING)}

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")

Scalar = str | float | bool | None
Place = tuple[int, float, str]
"""A sort key: numbers, then texts, then nothing."""
NOTHING: Place = (2, 0.0, "")


class Offer(NamedTuple):
    """A figure that some records have: an example, and in how many it is a number."""

    path: str
    example: Scalar
    records: int
    numbers: int


class JobValues(NamedTuple):
    """What is known of a job beyond its row: its peak of memory, and its figures by path."""

    peak: int | None = None
    figures: Mapping[str, Scalar] = {}


@dataclass(frozen=True, slots=True)
class SweepValues:
    """What was read of the jobs of a group. ``figures`` are the paths that were looked up."""

    jobs: Mapping[int, JobValues]
    figures: Sequence[str]
    offers: Sequence[Offer] = ()


# -- figures ---------------------------------------------------------------------------------------


def offers(documents: Iterable[Json]) -> list[Offer]:
    """Return the figures of some JSON values: those that are numbers first."""
    found: dict[Path, Offer] = {}
    for document in documents:
        for path, value in _leaves(document):
            before = found.get(path)
            number = is_number(value)
            if before is None:
                found[path] = Offer(jq_path(path), value, 1, int(number))
            else:
                found[path] = before._replace(
                    records=before.records + 1, numbers=before.numbers + number
                )
    return sorted(found.values(), key=lambda offer: not offer.numbers)


def is_number(value: Json) -> bool:
    """Return whether a value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _leaves(document: Json) -> Iterator[tuple[Path, Scalar]]:
    """Yield the first scalars of a value, in the order of the text."""
    stack: list[tuple[Path, Json]] = [((), document)]
    number = 0
    while stack and number < MOST_LEAVES:
        path, value = stack.pop()
        if isinstance(value, dict):
            items = list(value.items())[:MOST_LEAVES]
            stack += [((*path, key), inner) for key, inner in reversed(items)]
        elif isinstance(value, list):
            if len(value) <= LONGEST_LIST:
                stack += [((*path, at), value[at]) for at in reversed(range(len(value)))]
        elif value is not None:
            number += 1
            yield path, value


def figures_at_first(offered: Sequence[Offer]) -> list[str]:
    """Return the figures to show before the user has chosen any."""
    return [offer.path for offer in offered if offer.numbers][:CHOSEN_AT_FIRST]


def look_up(documents: Sequence[Json], figures: Mapping[str, Path]) -> dict[str, Scalar]:
    """Return the figures of a job: of the first of its records that has each."""
    found: dict[str, Scalar] = {}
    for document in documents:
        for figure, path in figures.items():
            if figure in found:
                continue
            try:
                value = value_at(document, path)
            except KeyError:
                continue
            if value is not None and not isinstance(value, dict | list):
                found[figure] = value
    return found


def paths_of(figures: Iterable[str]) -> dict[str, Path]:
    """Return the paths of figures, without those that are no paths."""
    paths = ((figure, path_of(figure)) for figure in figures)
    return {figure: path for figure, path in paths if path is not None}


# -- the sweep -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sweep:
    """The jobs of a group with their values; ``jobs`` are kept up to date by their owner."""

    name: str
    ids: Sequence[int]
    jobs: Mapping[int, Job]
    known: dict[int, JobValues] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)
    offers: Sequence[Offer] = ()
    parameters: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.ids:
            self.parameters = list(parameters_of(self.jobs[self.ids[0]].values))

    def learn(self, values: SweepValues, *, all_read: bool) -> None:
        """Take what was read: of all jobs, or of the changed ones."""
        if all_read:
            self.figures, self.offers = list(values.figures), values.offers
            self.known = dict(values.jobs)
            return
        self.known.update(values.jobs)
        known = {offer.path for offer in self.offers}
        self.offers = [*self.offers, *(one for one in values.offers if one.path not in known)]

    def parameters_of(self, job_id: int) -> Mapping[str, str]:
        """Return the values of a job by the names of its parameters."""
        return parameters_of(self.jobs[job_id].values)

    def value(self, job_id: int, column: str, now: float) -> Scalar:
        """Return the value of a column; None if there is none (yet)."""
        job = self.jobs[job_id]
        if column.startswith("."):
            return self.known[job_id].figures.get(column) if job_id in self.known else None
        if column.startswith(PARAMETER):
            return parameters_of(job.values).get(column.removeprefix(PARAMETER))
        match column:
            case "status":
                return job.status.word
            case "time":
                return _seconds(job, now)
            case "memory":
                known = self.known.get(job_id)
                return known.peak if known is not None and job.ended_at is not None else None
            case "exit":
                return job.return_code
            case "attempt":
                return job.attempt_id
            case "id":
                return job.id
        return job.name

    def number(self, job_id: int, column: str, now: float) -> float | None:
        """Return the value of a column if it is a finite number."""
        value = self.value(job_id, column, now)
        return float(value) if value is not None and is_number(value) else None

    def ordered(self, column: str | None, now: float, *, reverse: bool = False) -> list[int]:
        """Return the ids in the order of a column; jobs without a value come last."""
        ids = list(self.ids)
        if column is None:
            return ids[::-1] if reverse else ids
        places = {job_id: self._place(job_id, column, now) for job_id in ids}
        some = [job_id for job_id in ids if places[job_id] != NOTHING]
        some.sort(key=places.__getitem__, reverse=reverse)
        return [*some, *(job_id for job_id in ids if places[job_id] == NOTHING)]

    def _place(self, job_id: int, column: str, now: float) -> Place:
        if column == "status":
            return 0, _URGENCY[self.jobs[job_id].status], ""
        value = self.value(job_id, column, now)
        if value is None:
            return NOTHING
        if isinstance(value, str):
            return place_of_value(value)
        return 0, value, ""

    def columns(self) -> list[str]:
        """Return the keys of all columns, in the order of the file that is exported."""
        parameters = [PARAMETER + name for name in self.parameters]
        return [*parameters, *self.figures, *FIXED]

    def measures(self) -> list[str]:
        """Return the columns that a heat map can show: figures with numbers first."""
        numeric = {offer.path for offer in self.offers if offer.numbers}
        return [*(one for one in self.figures if one in numeric), *MEASURES]

    def records(self, now: float) -> list[dict[str, Scalar]]:
        """Return the rows with the names of columns that files have, and typed parameters."""
        columns = self.columns()
        names = _names(columns)
        return [
            {
                name: _typed(column, self.value(job_id, column, now))
                for name, column in zip(names, columns, strict=True)
            }
            for job_id in self.ids
        ]


def sweeps_of(jobs: Iterable[Job]) -> list[Sweep]:
    """Return a sweep for each group whose jobs have parameters."""
    by_id = {job.id: job for job in jobs}
    groups: dict[str, list[int]] = {}
    for job in by_id.values():
        if job.values:
            groups.setdefault(job.group, []).append(job.id)
    return [Sweep(name, ids, by_id) for name, ids in groups.items()]


def _seconds(job: Job, now: float) -> float | None:
    if job.started_at is None:
        return None
    running = job.status is JobStatus.RUNNING and job.ended_at is None
    end = now if running else job.ended_at
    return None if end is None else max(0.0, end - job.started_at)


_IN_FILES = {
    "time": "seconds",
    "memory": "peak_memory_bytes",
    "exit": "return_code",
    "attempt": "attempt_id",
    "id": "job_id",
    "name": "job_name",
}
"""The names of columns in files."""


def _names(columns: Sequence[str]) -> list[str]:
    """Return the names of columns in files; a parameter gets another name than the rest."""
    others = {_IN_FILES.get(column, column) for column in columns if PARAMETER not in column}
    names = []
    for column in columns:
        name = column.removeprefix(PARAMETER)
        if column.startswith(PARAMETER):
            names.append(f"parameter_{name}" if name in others else name)
        else:
            names.append(_IN_FILES.get(column, column))
    return names


def _typed(column: str, value: Scalar) -> Scalar:
    """Return the value of a parameter as a number if JSON writes numbers like that."""
    if not column.startswith(PARAMETER) or not isinstance(value, str):
        return value
    if not _JSON_NUMBER.fullmatch(value):
        return value
    return int(value) if value.lstrip("-").isdecimal() else float(value)


def csv_text(sweep: Sweep, now: float, order: Sequence[int] = ()) -> str:
    """Return the sweep as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_names(sweep.columns()))
    for job_id in order or sweep.ids:
        row = (sweep.value(job_id, column, now) for column in sweep.columns())
        writer.writerow([_csv_cell(value) for value in row])
    return out.getvalue()


def _csv_cell(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON may contain halves of surrogate pairs, which no file can hold.
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()
