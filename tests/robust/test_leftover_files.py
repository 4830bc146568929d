"""The files of finished attempts: which are kept, which removed."""

from __future__ import annotations

from typing import Any

WAITING = """
name: w
jobs:
  - {name: a, command: 'touch begun; until [ -e go ]; do sleep 0.02; done'}
  - {name: b, command: 'true', depends_on: [a]}
"""


def names(shell: Any) -> list[str]:
    folder = shell.folder / "torc_output/job_stdio"
    return sorted(path.name for path in folder.iterdir() if path.name != ".torc-database")


def test_empty_error_logs_are_not_kept(shell: Any) -> None:
    shell.write(
        """
name: w
jobs:
  - {name: a, command: "true"}
  - {name: b, command: "echo err >&2"}
  - {name: c, command: "exit 3"}
  - {name: d, command: "echo out; echo err >&2; exit 3"}
"""
    )
    code, said = shell.run("run", "w.yaml")
    assert code == 1
    kept = ["j1_r1_a1.o", "j2_r1_a1.e", "j2_r1_a1.o", "j3_r1_a1.o", "j4_r1_a1.e", "j4_r1_a1.o"]
    assert names(shell) == [f"job_wf1_{name}" for name in kept]
    assert "job_wf1_j3" not in said  # the job printed nothing
    assert "job_wf1_j4_r1_a1.e:1\n" in said
    for job in "abcd":
        code, text = shell.run("logs", job, "-w", "1")
        assert code == 0, text
    assert shell.run("logs", "d", "-w", "1", "--stderr")[1] == "err\n"
    assert shell.run("logs", "a", "-w", "1", "--lines", "3")[0] == 0


def test_empty_combined_log_is_kept(shell: Any) -> None:
    text = "name: w\njobs: [{name: a, command: 'true', stdio: {mode: combined}}]"
    assert shell.run("run", shell.write(text))[0] == 0
    assert names(shell) == ["job_wf1_j1_r1_a1.log"]


def test_leftover_exit_files(shell: Any, until: Any) -> None:
    """Those that a runner had no more time to remove, of this workflow and of nothing else."""
    runner = shell.start("run", shell.write(WAITING))
    until(lambda: shell.there("begun"), "it runs")
    folder = shell.folder / "torc_output/job_stdio"
    stale = ["job_wf1_j1_r1_a7.exit", "job_wf1_j2_r1_a1.exit", "job_wf1_j9_r3_a1.exit.sh"]
    foreign = ["job_wf11_j1_r1_a1.exit", "job_wf2_j1_r1_a1.exit", "my.exit", "job_wf1_j1_r1_a1.x"]
    for name in stale + foreign:
        (folder / name).touch()
    shell.kill(runner)
    second = shell.start("run", "1")
    until(lambda: shell.events("node_lost"), "the job is adopted")
    until(lambda: not (folder / stale[0]).exists(), "the sweep")
    assert (folder / "job_wf1_j1_r1_a1.exit").exists()
    (shell.folder / "go").touch()
    code, said = shell.finish(second)
    assert code == 0, said
    assert names(shell) == sorted([*foreign, "job_wf1_j1_r1_a1.o", "job_wf1_j2_r1_a1.o"])
