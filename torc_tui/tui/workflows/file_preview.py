"""Preview a workflow file before anything is stored. No Textual, no store.

Input: the typed path. Output: completions, and a ``Preview`` with the plan and its graph, or with
problems. Everything here reads files or computes, so it runs in the reader thread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torc_tui.errors import Problem, SpecError, TorcError
from torc_tui.json_errors import why_no_json
from torc_tui.model import Job, Machine, Plan
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.workflow_file import FORMATS

if TYPE_CHECKING:
    from torc_tui.model import Artifact
    from torc_tui.views.graph_model import JobGraph

Kind = Literal["spec", "import"]

ENDINGS: dict[Kind, tuple[str, ...]] = {
    "spec": tuple(FORMATS),
    "import": (".json",),
}
SHOWN = 200
"""Completions and lines of what cannot run, at most."""
SOURCE_LINES = 20_000
"""Lines of the file that are kept to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The plan of a file, or its problems.

    ``plan`` is None if the file cannot be used; then ``problems`` say why. ``never``: what cannot
    run on this machine, and how many jobs that is. ``source`` are the lines of the file.
    """

    path: str
    plan: Plan | None = None
    jobs: Mapping[int, Job] = field(default_factory=dict)
    graph: JobGraph | None = None
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    never: Sequence[tuple[str, int]] = ()
    missing: Sequence[str] = ()
    source: Sequence[str] = ()
    document: Mapping[str, Any] | None = None


def expanded(text: str, folder: str) -> str:
    """Return the absolute path: ``~`` is the home, relative ones begin in ``folder``."""
    return os.path.normpath(Path(folder, _at_home(text.strip())))


def _at_home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody
        return Path(text)


def completions(text: str, folder: str, kind: Kind = "spec") -> list[str]:
    """Return the directories (with a slash at the end) and workflow files that complete ``text``.

    They are written as the text is. Hidden ones are included only after a dot.
    """
    head, tail = os.path.split(text)
    prefix = text[: len(text) - len(tail)]
    try:
        with os.scandir(expanded(head, folder) if head else folder) as entries:
            found = []
            for entry in entries:
                name = entry.name
                if not name.startswith(tail) or (name.startswith(".") and not tail.startswith(".")):
                    continue
                if entry.is_dir():
                    found.append((0, name + "/"))
                elif name.lower().endswith(ENDINGS[kind]):
                    found.append((1, name))
    except (OSError, ValueError):
        return []
    # Files first: in a directory with a workflow file, that is probably wanted.
    found.sort(key=lambda pair: (-pair[0], pair[1].lower()))
    return [prefix + name for _, name in found[:SHOWN]]


def common(texts: Sequence[str]) -> str:
    """Return the longest common prefix."""
    return os.path.commonprefix(list(texts))  # noqa: RUF071 - of what was typed, not of paths


def preview(path: str, machine: Machine, kind: Kind = "spec", *, folder: str = ".") -> Preview:
    """Read the file, and return the preview of its workflow in the directory ``folder``."""
    document: Mapping[str, Any] | None = None
    try:
        if kind == "import":
            document = _exported(path)
            plan = _read_document(document)
        else:
            from torc_tui.plan.resolve import load_plan

            plan = load_plan(path)
    except SpecError as error:
        return Preview(path=path, problems=error.problems, source=_source(path))
    except TorcError as error:
        problem = Problem(error.message, file=path, hint=error.hint)
        return Preview(path=path, problems=[problem], source=_source(path))
    from torc_tui.views.graph_model import JobGraph

    jobs = jobs_of(plan)
    return Preview(
        path=path,
        plan=plan,
        jobs=jobs,
        graph=JobGraph(list(jobs.values()), _edges(plan), _data(plan)),
        warnings=list(plan.warnings),
        never=_never(plan, machine),
        missing=missing_files(plan, folder),
        source=_source(path),
        document=document,
    )


def jobs_of(plan: Plan) -> dict[int, Job]:
    """Return the jobs of a plan, numbered from 1 and not started."""
    return {
        number: Job(number, planned.spec.name, JobStatus.UNINITIALIZED, planned.spec.group)
        for number, planned in enumerate(plan.jobs, start=1)
    }


def _edges(plan: Plan) -> Iterator[tuple[int, int, int, object]]:
    for job, other, kind, via in plan.edges:
        yield job + 1, other + 1, kind, via
    for number, gate in enumerate(plan.gates, start=1):
        for member in gate.members:
            yield -number, member + 1, gate.kind, gate.via
        for job in gate.waiting:
            yield job + 1, -number, gate.kind, gate.via


def _data(plan: Plan) -> list[Artifact]:
    from torc_tui.model import Artifact

    ends: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
    for number, planned in enumerate(plan.jobs, start=1):
        for kind, groups, group, side in (
            ("file", plan.file_groups, planned.output_files, 0),
            ("file", plan.file_groups, planned.input_files, 1),
            ("user_data", plan.user_data_groups, planned.output_user_data, 0),
            ("user_data", plan.user_data_groups, planned.input_user_data, 1),
        ):
            for index in () if group is None else groups[group]:
                ends.setdefault((kind, index), ([], []))[side].append(number)
    return [
        Artifact("file", index, plan.files[index].name, *both)
        if kind == "file"
        else Artifact("user_data", index, plan.user_data[index].name, *both)
        for (kind, index), both in ends.items()
    ]


def missing_files(plan: Plan, folder: str) -> list[str]:
    """Return paths of files that jobs read, that no job writes, and that do not exist."""
    read: set[int] = set()
    written: set[int] = set()
    for planned in plan.jobs:
        for group, into in ((planned.input_files, read), (planned.output_files, written)):
            if group is not None:
                into.update(plan.file_groups[group])
    paths = [plan.files[index].path for index in sorted(read - written)]
    return [path for path in paths if not os.path.lexists(Path(folder, path))]


def _never(plan: Plan, machine: Machine) -> list[tuple[str, int]]:
    from torc_tui.resources.explain import never
    from torc_tui.wording import sentence

    numbers: dict[int, list[str]] = {}
    for planned in plan.jobs:
        numbers.setdefault(planned.requirement, []).append(planned.spec.name)
    out = []
    for requirement, names in numbers.items():
        lacking = never(plan.requirements[requirement], machine)
        if lacking:
            who = (
                names[0]
                if len(names) == 1
                else f"{plan.requirements[requirement].name} ({len(names)} jobs)"
            )
            out.append((f"{who}: {', '.join(sentence(one.reason) for one in lacking)}", len(names)))
    return out


def _exported(path: str) -> Mapping[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SpecError(
            Problem(f"cannot read the file: {error.strerror}", file=path, kind="unreadable")
        ) from None
    except UnicodeDecodeError:
        raise SpecError(Problem("the file is not valid UTF-8", file=path)) from None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(Problem(f"invalid JSON: {why_no_json(text, error)}", file=path)) from None
    if not isinstance(found, dict) or "workflow" not in found:
        raise SpecError(
            Problem(
                "not an exported workflow",
                file=path,
                hint="export one with `torc workflows export`",
            )
        )
    return found


def _read_document(document: Mapping[str, Any]) -> Plan:
    from torc_tui.store.workflow_document import read_document

    return read_document(document).plan


def _source(path: str) -> list[str]:
    """Return the first lines of the file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for _, line in zip(range(SOURCE_LINES), file, strict=False)]
    except (OSError, ValueError):
        return []
