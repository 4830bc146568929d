"""Export and import keep the patterns of jobs, and how jobs were added."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.errors import UsageError
from torc_tui.store import workflow_import
from torc_tui.store.database import Store

PATTERNS = ("depends_on_regexes", "input_file_regexes", "input_user_data_regexes")
NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
SPAWN = st.fixed_dictionaries(
    {
        "run": st.integers(0, 9),
        "attempt": st.integers(0, 9),
        "mode": st.sampled_from(("staged", "now", "independent")),
        "digest": NAMES,
        "lineage": NAMES,
        "generation": st.integers(0, 10**6),
    }
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return a workflow whose jobs have patterns, and were added by earlier jobs or a user."""
    jobs: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        job: dict[str, Any] = {"id": 10 * number + 7, "name": f"j{number}", "command": "true"}
        job["patterns"] = draw(
            st.dictionaries(
                st.sampled_from(PATTERNS),
                st.lists(st.sampled_from(("^a", "b.*", r"\d+")), min_size=1, max_size=2),
                max_size=3,
            )
        )
        parent = draw(st.sampled_from([None, *jobs]))
        if parent is not None:
            job |= {"spawned_by": parent["id"], "spawn": draw(SPAWN)}
        elif draw(st.booleans()):
            job["added"] = True
        jobs.append(job)
    return {"workflow": {"name": "w"}, "jobs": jobs}


def origins(document: dict[str, Any]) -> list[Any]:
    """Return what is compared; a job that another job has added is in no file, either."""
    names = {job["id"]: job["name"] for job in document["jobs"]}
    return [
        (
            job["name"],
            job.get("patterns") or {},
            names.get(job.get("spawned_by")),
            job.get("spawn"),
            bool(job.get("added") or job.get("spawned_by")),
        )
        for job in document["jobs"]
    ]


def import_(store: Store, document: dict[str, Any]) -> int:
    return workflow_import.import_workflow(store, document, user="b", directory="/", at=5.0)


def export(store: Store, workflow_id: int, **options: bool) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        json.dumps(workflow_import.export_workflow(store, workflow_id, **options))
    )
    return document


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(str(tmp_path_factory.mktemp("transfer") / "t.db"))
    yield store
    store.close()


@given(document=documents())
@settings(max_examples=60, deadline=None)
def test_round_trip(shared: Store, document: dict[str, Any]) -> None:
    first = export(shared, import_(shared, document))
    for job in document["jobs"]:
        if "spawn" in job:
            job["spawn"]["run"] = 0  # without results, no run has been
    assert origins(first) == origins(document)
    assert origins(export(shared, import_(shared, first))) == origins(document)


JOB = {"id": 1, "name": "a", "command": "x"}
SPAWNED = {"run": 1, "attempt": 1, "mode": "now", "digest": "d", "lineage": "l", "generation": 1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spawned_by": 2, "spawn": SPAWNED}, "'spawned_by' is 2, which jobs does not contain"),
        ({"spawned_by": 1, "spawn": SPAWNED}, "'spawned_by' leads back to the job itself"),
        ({"spawned_by": 1}, r"jobs\[0\].spawn must be a mapping"),
        ({"spawned_by": 1, "spawn": SPAWNED | {"mode": "soon"}}, "'mode' must be one of"),
        ({"spawned_by": 1, "spawn": SPAWNED | {"run": -1}}, "'run' must be at least 0"),
        ({"spawned_by": 1, "spawn": SPAWNED | {"lineage": None}}, "'lineage' is missing"),
        ({"added": "yes"}, "'added' must be true or false"),
        ({"patterns": ["^a"]}, "'patterns' must be a mapping"),
        ({"patterns": {"depends_on_regexes": 5}}, "'depends_on_regexes' must be a list"),
        ({"patterns": {"depends_on_regexes": ["("]}}, "is not a regular expression"),
    ],
    ids=[
        "parent",
        "itself",
        "spawn",
        "mode",
        "run",
        "lineage",
        "added",
        "mapping",
        "list",
        "regex",
    ],
)
def test_bad_origins(sqlite_store: Store, changes: dict[str, Any], words: str) -> None:
    document = {"workflow": {"name": "w"}, "jobs": [JOB | changes]}
    with pytest.raises(UsageError, match=words):
        import_(sqlite_store, document)
