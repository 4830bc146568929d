"""Declared outputs and background processes of jobs, in real runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from torc_tui.executors.exit_file import read_exit_file


def warnings(shell: Any) -> list[str]:
    return [event["message"] for event in shell.events("job_warning")]


OUTPUT = """
name: o
{more}
jobs:
  - {{name: a, command: "{command}", output_files: [out]}}
  - {{name: b, command: "touch b_ran", input_files: [out]}}
files: [{{name: out, path: data/out.txt}}]
"""


def output(command: str, more: str = "") -> str:
    return OUTPUT.format(command=command, more=more)


class TestOutputs:
    def test_output_directories_are_created(self, shell: Any) -> None:
        shell.run_file(
            """
name: d
jobs:
  - {name: a, command: 'echo > data/deep/x && echo > other/y && echo > z', output_files: [x, y, z]}
files: [{name: x, path: data/deep/x}, {name: y, path: other/y}, {name: z, path: z}]
"""
        )
        assert warnings(shell) == []

    def test_output_directory_cannot_be_created(self, shell: Any) -> None:
        (shell.folder / "data").write_text("")
        shell.run_file(output("true"), 1)
        assert shell.states() == {"a": "failed", "b": "canceled"}
        assert "data" in shell.run("why", "a", "-w", "1")[1]

    def test_dangling_link_is_missing(self, shell: Any) -> None:
        shell.run_file(output("ln -s nowhere data/out.txt"), 1)
        assert shell.states() == {"a": "failed", "b": "canceled"}
        assert "did not write its output file out" in shell.run("why", "a", "-w", "1")[1]

    def test_link_to_a_file(self, shell: Any) -> None:
        shell.run_file(output("echo > data/x; ln -s x data/out.txt"))
        assert warnings(shell) == []

    @pytest.mark.parametrize("more", ["", "output_check: exists"], ids=["default", "exists"])
    def test_unchanged_output_has_a_warning(self, shell: Any, more: str) -> None:
        (shell.folder / "data").mkdir()
        (shell.folder / "data/out.txt").write_text("old")
        said = shell.run_file(output("true", more))
        sentence = "output out (path data/out.txt) was not written by this attempt"
        assert sentence in said
        assert sentence in shell.run("why", "a", "-w", "1")[1]
        assert sentence in shell.run("events", "list", "1")[1]
        assert warnings(shell) == [sentence]
        assert shell.states() == {"a": "completed", "b": "completed"}

    def test_require_outputs(self, shell: Any) -> None:
        (shell.folder / "data").mkdir()
        (shell.folder / "data/out.txt").write_text("old")
        said = shell.run_file(output("true", "output_check: written"), 1)
        assert "exit 0, but output out (path data/out.txt) was not written" in said
        assert shell.states() == {"a": "failed", "b": "canceled"}
        assert not shell.there("b_ran")

    @pytest.mark.parametrize(
        "command",
        [
            "echo new > data/out.txt",
            "printf old > data/out.txt",
            "printf old > data/new; touch -r data/out.txt data/new; mv data/new data/out.txt",
            "touch data/out.txt",
            "cp -p data/out.txt data/x; printf old > data/out.txt; touch -r data/x data/out.txt",
        ],
        ids=["size", "same text", "another inode", "touched", "change time alone"],
    )
    def test_ways_to_write(self, shell: Any, command: str) -> None:
        (shell.folder / "data").mkdir()
        (shell.folder / "data/out.txt").write_text("old")
        shell.run_file(output(command, "output_check: written"))
        assert warnings(shell) == []

    def test_clock_set_back(self, shell: Any) -> None:
        """The file of the user is from the future."""
        (shell.folder / "data").mkdir()
        old = shell.folder / "data/out.txt"
        old.write_text("old")
        os.utime(old, (4e9, 4e9))
        shell.run_file(output("touch -d 2001-01-01 data/out.txt", "output_check: written"))
        assert warnings(shell) == []

    def test_directories_have_no_warning(self, shell: Any) -> None:
        (shell.folder / "data/out.txt").mkdir(parents=True)
        (shell.folder / "data/out.txt/file").write_text("")
        shell.run_file(output("echo new > data/out.txt/file", "output_check: written"))
        assert warnings(shell) == []

    def test_adopted_outputs(self, shell: Any, until: Any) -> None:
        (shell.folder / "data").mkdir()
        (shell.folder / "data/out.txt").write_text("old")
        wait = "touch begun; until [ -e go ]; do sleep 0.02; done"
        runner = shell.start("run", shell.write(output(wait, "output_check: written")))
        until(lambda: shell.there("begun"), "it runs")
        shell.kill(runner)
        (shell.folder / "go").touch()
        assert shell.run("run", "1")[0] == 1
        assert shell.states() == {"a": "failed", "b": "canceled"}


BACKGROUND = """
name: b
{more}
jobs:
  - {{name: a, command: "(echo $BASHPID > pid; sleep 2.5; echo late > late.txt) &"}}
"""


class TestBackground:
    def test_background_processes_are_named(self, shell: Any, gone: Any) -> None:
        said = shell.run_file(BACKGROUND.format(more=""))
        pid = shell.pid()
        assert gone(pid)
        assert not shell.there("late.txt")
        (warning,) = warnings(shell)
        assert warning.startswith("ended background processes of the job: ")
        assert f"bash (pid {pid})" in warning
        assert f"bash (pid {pid})" in said
        assert f"bash (pid {pid})" in shell.run("why", "a", "-w", "1")[1]
        (log,) = (shell.folder / "torc_output/job_stdio").glob("*.e")
        assert f"bash (pid {pid})" in log.read_text()
        assert "wait_for_background: true" in log.read_text()
        assert shell.states() == {"a": "completed"}

    def test_wait_for_background(self, shell: Any) -> None:
        shell.run_file(BACKGROUND.format(more="wait_for_background: true"))
        assert (shell.folder / "late.txt").read_text() == "late\n"
        assert warnings(shell) == []
        ((seconds,),) = shell.sql("SELECT ended_at - started_at FROM result")
        assert seconds > 2

    def test_background_keeps_resources_and_limits(self, shell: Any, gone: Any) -> None:
        text = """
name: b
wait_for_background: true
jobs:
  - {name: a, command: 'sleep 100 & echo $! > pid', resource_requirements: r}
  - {name: c, command: 'touch c_ran', depends_on: [a]}
resource_requirements: [{name: r, num_cpus: 1, memory: 1g, runtime: PT1S}]
execution_config: {sigterm_lead_seconds: 20}
"""
        shell.run_file(text, 1)
        assert gone(shell.pid())
        assert shell.sql("SELECT return_code, cause FROM result") == [(152, "timeout")]
        assert shell.states() == {"a": "terminated", "c": "canceled"}

    def test_memory_limit_of_background_processes(self, shell: Any) -> None:
        text = """
name: b
wait_for_background: true
jobs:
  - name: a
    command: '{ x=$(head -c 200000000 /dev/zero | tr "\\\\0" x); sleep 100; } &'
    resource_requirements: r
resource_requirements: [{name: r, num_cpus: 1, memory: 100m}]
"""
        shell.run_file(text, 1)
        assert shell.sql("SELECT return_code, cause FROM result") == [(137, "oom")]

    def test_stop_background_processes(self, shell: Any, until: Any, gone: Any) -> None:
        text = """
name: b
wait_for_background: true
jobs: [{name: a, command: 'sleep 100 & echo $! > pid'}]
"""
        runner = shell.start("run", shell.write(text))
        pid = shell.pid()
        until(lambda: shell.states_quickly() == {"a": 4}, "it is recorded")
        runner.send_signal(signal.SIGINT)
        code, said = shell.finish(runner)
        assert code == 130, said
        assert gone(pid)
        assert shell.states() == {"a": "terminated"}
        (shell.folder / "pid").unlink()
        runner = shell.start("run", "1")  # it runs again, as every job that was interrupted
        os.kill(shell.pid(), signal.SIGTERM)
        assert shell.finish(runner)[0] == 0

    def test_adopted_background_processes(self, shell: Any, until: Any) -> None:
        wait = "(touch begun; until [ -e go ]; do sleep 0.02; done; echo late > late.txt) &"
        text = f"name: b\nwait_for_background: true\njobs: [{{name: a, command: '{wait}'}}]"
        runner = shell.start("run", shell.write(text))
        until(lambda: shell.there("begun"), "it runs")
        (exit_file,) = (shell.folder / "torc_output/job_stdio").glob("*.exit")
        until(lambda: read_exit_file(str(exit_file)).code == 0, "its shell has ended")
        shell.kill(runner)
        second = shell.start("run", "1")
        until(lambda: shell.events("node_lost"), "the attempt is adopted")
        assert shell.states_quickly() in ({"a": 3}, {"a": 4})
        (shell.folder / "go").touch()
        code, said = shell.finish(second)
        assert code == 0, said
        assert Path(shell.folder / "late.txt").exists()
        assert warnings(shell) == []


def test_a_job_overrides_its_workflow(shell: Any) -> None:
    (shell.folder / "x").write_text("old")
    text = """
name: o
output_check: written
wait_for_background: true
jobs:
  - {name: a, command: "(sleep 30; touch a_late) &", wait_for_background: false}
  - {name: b, command: "(sleep 0.2; touch b_late) &"}
  - {name: c, command: "true", output_files: [x], output_check: exists}
files: [{name: x, path: x}]
"""
    shell.run_file(text)
    assert not shell.there("a_late")
    assert shell.there("b_late")
    assert len(warnings(shell)) == 2
    shell.run("workflows", "export", "1", "-o", "e.json")
    code, said = shell.run("workflows", "import", "e.json")
    assert code == 0, said
    options = shell.sql("SELECT options FROM job WHERE workflow_id = 2 ORDER BY name")
    assert options == [('{"wait_for_background":false}',), (None,), ('{"output_check":"exists"}',)]
