"""The workflow files in the sources of Torc 1.0.0 are valid, and create as many jobs as upstream.

``upstream_counts.json`` has the counts of jobs, files, records, requirements, schedulers and actions
of each file. The files are not part of this repository: ``TORC_UPSTREAM`` names the directory of
the sources (the package ``torc`` 1.0.0 of crates.io).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import load

COUNTS = json.loads((Path(__file__).parent / "data" / "upstream_counts.json").read_text())
SOURCES = os.environ.get("TORC_UPSTREAM", "")
REFUSED = {
    # Torc also refuses both: a value in capitals, and an unknown key of schedulers.
    "tests/workflows/multi_node_parallel_jobs_test/workflow.yaml": "must be one of summary",
    "tests/workflows/timeout_auto_recovery_test/workflow.yaml": "unknown key 'num_nodes'",
}

WITHOUT = [
    pytest.param("-", marks=pytest.mark.skip(reason="TORC_UPSTREAM names no sources of Torc"))
]
"""One test in the place of all where there are no sources."""


def test_the_table_covers_all_formats() -> None:
    assert {Path(name).suffix for name in COUNTS} == {".yaml", ".json", ".json5", ".kdl"}
    assert len(COUNTS) == 99


@pytest.mark.parametrize("name", COUNTS if SOURCES else WITHOUT)
def test_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SOURCES)  # some files name tables relative to the root
    plan = resolve(load(name))
    spec = plan.spec
    parts = (spec.jobs, spec.files, spec.user_data)
    more = (spec.resource_requirements, spec.slurm_schedulers, spec.actions)
    assert [len(one) for one in (*parts, *more)] == COUNTS[name]


@pytest.mark.parametrize("name", REFUSED if SOURCES else WITHOUT)
def test_files_that_are_refused_there_too(name: str) -> None:
    with pytest.raises(SpecError, match=REFUSED[name]):
        load(Path(SOURCES) / name)
