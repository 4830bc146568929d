"""Pure parts of the benchmarks: budgets, tables, comparison of runs, signs of a busy machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.bench_growth import in_loops
from tests.benchmarks.machine import machine_cpu, warnings
from tests.benchmarks.measuring import Cost
from tests.benchmarks.report import Change, Run, changes, comparison, markdown
from tests.benchmarks.rows import Row, Skipped, absolute, against, columns, spread, table, values


def row(**changed: Any) -> Row:
    base = Row(what="a", unit="s", figure=2.0, reference=1.0, against="make", ratio=2.0)
    return replace(base, **changed)


def words(line: str) -> str:
    return " ".join(line.split())


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, ""),
        ({"budget": 2.0}, "ok"),
        ({"budget": 1.9}, "over"),
        ({"budget": 2.0, "cpu_budget": 1.2, "cpu_ratio": 1.2}, "ok"),
        ({"budget": 2.0, "cpu_budget": 1.2, "cpu_ratio": 1.3}, "over"),
        ({"budget": 2.0, "cpu_budget": 1.2}, "over"),
        ({"budget": 3.0, "ratio": None, "reference": None}, "ok"),
        ({"budget": 1.0, "ratio": None, "reference": None}, "over"),
    ],
)
def test_verdict(changed: dict[str, Any], verdict: str) -> None:
    assert row(**changed).verdict == verdict


def test_ratio_is_the_median_of_the_rounds() -> None:
    own = [Cost(2, 4), Cost(30, 30), Cost(9, 9)]
    other = [Cost(1, 1), Cost(10, 10), Cost(9, 9)]
    found = against("a", "ms", own, other, name="make", budget=2)
    assert (found.ratio, found.cpu_ratio) == (2, 3)
    assert (found.figure, found.reference) == (9000, 9000)
    assert found.verdict == "ok"


def test_no_ratio_of_cpu_without_cpu() -> None:
    found = against("a", "s", [Cost(1, 1)], [Cost(1, 0)], name="make")
    assert found.cpu_ratio is None


def test_figures_without_reference() -> None:
    assert absolute("a", "ms", [Cost(0.1, 0.2), Cost(0.3, 0.4), Cost(0.2, 0.3)]).figure == 200
    assert values("a", "MB", [3, 1, 2], 2).verdict == "ok"


def test_flatness_is_measured_in_loops() -> None:
    slow_machine = [(Cost(6, 8), Cost(2, 4))]
    assert in_loops(slow_machine) == [Cost(3, 2)]


def test_slope_leaves_the_start_out() -> None:
    slope = Cost(5, 3).slope(Cost(1, 1), 4)
    assert (slope.wall, slope.cpu) == (1, 0.5)


def test_spread() -> None:
    assert spread([7]) == 0
    assert spread([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)


def test_columns() -> None:
    assert columns([("a", "b", "c"), ("long", "x", "")]) == "a     b  c\nlong  x"


def test_table() -> None:
    head, first, second = table(
        [
            row(budget=1.1, cpu=0.5, reference_cpu=0.25, cpu_ratio=2.0, spread=0.1),
            values("memory", "MB", [61], 80),
        ]
    ).splitlines()
    assert words(head) == "what figure reference ratio budget spread CPU ref. CPU ratio budget"
    assert words(first) == "a 2 s 1 (make) 2.00 1.1 × 10% 0.5 0.25 2.00 over"
    assert words(second) == "memory 61 MB 80 0% ok"


def test_saved_run_is_restored(tmp_path: Path) -> None:
    skipped = Skipped(what="b", why="not installed", benchmark="chain")
    run = Run({"torc": "0.1.0", "load": {"before": 0.2}}, [row(budget=1.0)], [skipped])
    path = tmp_path / "new" / "run.json"
    run.save(path)
    assert Run.load(path) == run


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (row(ratio=2.0), row(ratio=2.2), "slower"),
        (row(ratio=2.2), row(ratio=2.0), "faster"),
        (row(ratio=2.0), row(ratio=2.08), ""),
        (row(ratio=2.0), row(ratio=2.2, spread=0.2), ""),
        (row(ratio=2.0, spread=0.2), row(ratio=2.2), ""),
        (row(ratio=2.0), row(ratio=2.0, figure=4.0, reference=2.0), ""),
        (row(ratio=None, figure=2.0), row(ratio=None, figure=4.0), "slower"),
    ],
    ids=["slower", "faster", "small", "spread", "spread-before", "slow-machine", "no-reference"],
)
def test_change(before: Row, after: Row, verdict: str) -> None:
    assert Change(before, after).verdict == verdict


def test_comparison_shows_before_and_after() -> None:
    before = Run({}, [row(cpu=1.0), row(what="old")], [])
    after = Run({}, [row(what="new"), row(figure=3.0, ratio=3.0, cpu=1.5, budget=2.0)], [])
    assert [change.after.what for change in changes(before, after)] == ["a"]
    _, line, *rest = comparison(before, after).splitlines()
    assert words(line) == "a 2 s (2.00 ×) 3 s (3.00 ×) +50% 1 s 1.5 s over slower"
    assert rest == ["only before: old", "only after: new"]


@pytest.mark.parametrize(("ratio", "code"), [(3.0, 1), (2.0, 0), (1.0, 0)])
def test_exit_code_of_compare(
    ratio: float, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    facts = {"load": {"before": 0.1}, "others": {"log": 0.1}, "cpus": 2}
    Run(facts, [row()], []).save(paths[0])
    Run(facts | {"others": {"log": 1.9}}, [row(ratio=ratio)], []).save(paths[1])
    assert main(["--compare", *map(str, paths)]) == code
    told = capsys.readouterr().out
    assert f"({ratio:.2f} ×)" in told
    assert "after: warning: other processes used 1.9 of 2 CPUs during log" in told
    assert "before: warning" not in told


def test_markdown() -> None:
    what = "1,000 independent jobs, against "
    rows = [
        row(what=what + "make", benchmark="thousand", cpu=1.5, reference_cpu=1.2),
        row(what=what + "slow", benchmark="thousand", reference=25.0, against="slow 9", cpu=1.5),
        row(
            what="chain of 200 jobs, against make",
            benchmark="chain",
            figure=0.8,
            reference=0.4,
            cpu=0.7,
            reference_cpu=0.3,
        ),
        row(what="other", benchmark="one"),
    ]
    assert markdown(rows).splitlines() == [
        "| program | 1,000 independent jobs, s | CPU, s | chain of 200 jobs, s | CPU, s |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| make | 1 | 1.2 | 0.4 | 0.3 |",
        "| **torc** | 2 | 1.5 | 0.8 | 0.7 |",
        "| slow 9 | 25 | 0 | – | – |",
    ]


def test_cpu_of_the_machine() -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice, in ticks of 10 ms
    assert machine_cpu("cpu  100 20 30 9999 888 4 5 6 77 7\ncpu0 1 2 3\n") == pytest.approx(1.65)


def test_warnings_of_a_busy_machine() -> None:
    assert warnings(1.0, {"chain": 1.0, "log": None}, 2) == []
    load, others = warnings(1.1, {"chain": 1.2, "log": 0.3}, 2)
    assert "load average 1.10" in load
    assert "1.2 of 2 CPUs during chain" in others
