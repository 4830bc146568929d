"""Two databases that write their logs into one directory never write the same files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

WORD = "name: w\njobs: [{{name: a, command: 'echo {0}; echo err {0} >&2'}}]"


@pytest.fixture
def databases(make_shell: Any, tmp_path: Path) -> tuple[Any, Any]:
    """Two shells in one directory, each with a database of its own."""
    return make_shell(str(tmp_path / "one.db")), make_shell(str(tmp_path / "two.db"))


def run(shell: Any, word: str) -> None:
    code, said = shell.run("run", shell.write(WORD.format(word)))
    assert code == 0, said


def logs(shell: Any) -> list[str]:
    folder = shell.folder / "torc_output/job_stdio"
    return sorted(path.name for path in folder.glob("job_*"))


def shown(shell: Any, workflow: int = 1) -> str:
    code, said = shell.run("logs", "a", "-w", str(workflow), "--stdout")
    assert code == 0, said
    return str(said).strip()


def test_second_database_adds_its_id(databases: tuple[Any, Any]) -> None:
    one, two = databases
    run(one, "first")
    run(two, "second")
    names = logs(one)
    assert names[:1] == ["job_wf1_j1_r1_a1.e"]
    assert len(names) == 4
    assert all(re.fullmatch(r"job_wf1_j1_r1_a1(_[0-9a-f]{6})?\.[oe]", name) for name in names)
    assert (shown(one), shown(two)) == ("first", "second")


def test_names_stay(databases: tuple[Any, Any]) -> None:
    one, two = databases
    for word in ("a", "b"):
        run(one, word)
        run(two, word)
    ids = {name.removeprefix("job_wf1_j1_r1_a1").partition(".")[0] for name in logs(one)[:4]}
    assert len(ids) == 2
    assert [shown(one, 2), shown(two, 2)] == ["b", "b"]
    assert len(logs(one)) == 8


def test_stderr_of_a_failed_job(databases: tuple[Any, Any]) -> None:
    one, two = databases
    text = "name: w\njobs: [{{name: a, command: 'echo {0} >&2; exit 3'}}]"
    for shell, word in ((one, "first"), (two, "second")):
        code, said = shell.run("run", shell.write(text.format(word)))
        assert code == 1
        assert word in said
    assert "second" in two.run("why", "a", "-w", "1")[1]
    assert "first" not in two.run("why", "a", "-w", "1")[1]


def test_new_database_keeps_old_logs(shell: Any) -> None:
    run(shell, "old")
    for path in shell.folder.glob("t.db*"):
        path.rename(path.with_name(f"old-{path.name}"))
    run(shell, "new")
    folder = shell.folder / "torc_output/job_stdio"
    assert (folder / "job_wf1_j1_r1_a1.o").read_text() == "old\n"
    assert shown(shell) == "new"


def test_a_copy_is_another_database(shell: Any, make_shell: Any) -> None:
    run(shell, "original")
    shutil.copy(shell.folder / "t.db", shell.folder / "copy.db")
    copy = make_shell(str(shell.folder / "copy.db"))
    copy.run("init", "1", "--force")
    shell.run("init", "1", "--force")
    for one in (copy, shell):
        assert one.run("run", "1")[0] == 0
    assert len([name for name in logs(shell) if name.startswith("job_wf1_j1_r2")]) == 4


def test_a_database_that_was_moved_keeps_the_directory(shell: Any, make_shell: Any) -> None:
    run(shell, "before")
    for path in shell.folder.glob("t.db*"):
        path.rename(shell.folder / path.name.replace("t.db", "moved.db"))
    run(make_shell(str(shell.folder / "moved.db")), "after")
    assert logs(shell) == [f"job_wf{n}_j{n}_r1_a1.{end}" for n in (1, 2) for end in "eo"]


@pytest.mark.parametrize("named", [True, False], ids=["own", "foreign"])
def test_logs_without_a_marker_belong_to_the_database_that_names_them(
    shell: Any, make_shell: Any, named: bool
) -> None:
    run(shell, "old")
    (shell.folder / "torc_output/job_stdio/.torc-database").unlink()
    other = shell if named else make_shell(str(shell.folder / "other.db"))
    run(other, "new")
    ids = {
        "_" in name.removeprefix("job_wf1_j1_r1_a1").removeprefix("job_wf2_j2_r1_a1")
        for name in logs(shell)
    }
    assert ids == ({False} if named else {False, True})


def test_a_marker_that_is_a_link_is_not_followed(shell: Any) -> None:
    folder = shell.folder / "torc_output/job_stdio"
    folder.mkdir(parents=True)
    (shell.folder / "victim").write_text("precious")
    (folder / ".torc-database").symlink_to(shell.folder / "victim")
    run(shell, "word")
    assert (shell.folder / "victim").read_text() == "precious"
    assert shown(shell) == "word"


def test_exit_files_of_another_database(databases: tuple[Any, Any], until: Any) -> None:
    one, two = databases
    text = (
        "name: w\njobs: [{name: a, command: 'touch begun; until [ -e go ]; do sleep 0.02; done'}]"
    )
    first = one.start("run", one.write(text))
    until(lambda: one.there("begun"), "the first runs")
    (one.folder / "begun").unlink()
    second = two.start("run", "w.yaml")
    until(lambda: two.there("begun"), "the second runs")
    one.kill(first)
    two.kill(second)
    (one.folder / "go").touch()
    for shell in databases:
        code, said = shell.run("run", "1")
        assert code == 0, said
        assert shell.sql("SELECT status, return_code FROM result") == [(5, 0)]
    assert not list((one.folder / "torc_output/job_stdio").glob("*.exit"))
