"""The name of a box that shows several files or records."""

from __future__ import annotations

from json import dumps

import pytest

from torc_tui.model import Artifact, EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_names import shared_name

CITIES = ("london", "oslo", "rome")


@pytest.mark.parametrize(
    ("names", "parameters", "name"),
    [
        ([f"raw_{c}" for c in CITIES], [{"source": c} for c in CITIES], "raw_{source}"),
        (["r_1_v1", "r_2_v1"], [{"i": "1"}, {"i": "2"}], "r_{i}_v1"),
        (["1_of_1", "2_of_2"], [{"i": "1"}, {"i": "2"}], "{i}_of_{i}"),
        (["a_0.1_1", "a_0.2_1"], [{"lr": "0.1", "i": "1"}, {"lr": "0.2", "i": "1"}], "a_{lr}_{i}"),
        (["r_007", "r_012"], [{"i": "7"}, {"i": "12"}], "r_#"),
        ([f"raw_{c}.csv" for c in CITIES], [{}, {}, {}], "raw_*.csv"),
        (["aa", "aaa"], [{}, {}], "aa*"),
        (["x", "y"], [{"p": ""}, {"p": ""}], "*"),
        (["1" * 60, "2" * 60], [{"i": "1"}, {"i": "2"}], "#"),
        (["{i}1", "{i}2"], [{"i": "1"}, {"i": "2"}], "{i}#"),
    ],
    ids=[
        "parameter", "once", "twice", "two", "format", "no parameters", "shorter", "empty value",
        "many places", "braces",
    ],
)  # fmt: skip
def test_shared_name(names: list[str], parameters: list[dict[str, str]], name: str) -> None:
    assert shared_name(names, parameters) == name


def test_a_data_box_bears_the_name_of_its_entry() -> None:
    rows = [(at, city) for at, city in enumerate(CITIES)]
    jobs = [
        Job(10 + at, f"get_{city}", JobStatus.READY, "get_{source}", values=dumps({"source": city}))
        for at, city in rows
    ]
    jobs.append(Job(20, "merge", JobStatus.BLOCKED, "merge"))
    data = [Artifact("file", at, f"raw_{city}", [10 + at], [20]) for at, city in rows]
    edges = [(20, 10 + at, EdgeKind.FILE, at) for at, _ in rows]
    labels = [node.label for node in JobGraph(jobs, edges, data).scene(data=True).nodes]
    assert labels == ["get_{source}", "merge", "raw_{source} ×3"]
