"""The environment of jobs, actions and recovery scripts, in real runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute


@pytest.fixture
def venv(shell: Any) -> Path:
    """Activate a virtual environment: its `bin` is first on the PATH of the shell."""
    programs: Path = shell.folder / "venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "python3", "tool"):
        (programs / name).write_text("#!/bin/sh\necho the python of the user\n")
        (programs / name).chmod(0o755)
    shell.env["VIRTUAL_ENV"] = str(programs.parent)
    shell.env["PATH"] = f"{programs}:{os.environ['PATH']}"
    return programs


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_python_of_the_user(shell: Any, venv: Path) -> None:
    shell.run_file("name: p\njobs: [{name: a, command: 'command -v python python3 tool > out'}]")
    assert shell.words("out") == [f"{venv}/{name}" for name in ("python", "python3", "tool")]


def test_first_directory_of_path(shell: Any, venv: Path) -> None:
    shell.run_file(
        "name: p\njobs: [{name: a, command: 'echo \"$PATH\" > path; command -v torc > out'}]"
    )
    first, _, rest = shell.words("path")[0].partition(":")
    assert rest == shell.env["PATH"]
    assert names(Path(first)) == ["torc", "torc-client"]
    assert shell.words("out") == [f"{first}/torc"]
    assert Path(first).stat().st_mode & 0o777 == 0o700
    assert Path(first).is_relative_to(shell.folder / "state")
    assert (shell.folder / "state/torc").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("program", ["torc", "torc-client"])
def test_a_job_talks_to_the_program_that_runs_it(shell: Any, program: str) -> None:
    """Neither PYTHONPATH and PYTHONHOME of the job nor a `torc` of the user get in the way."""
    other = shell.folder / "other"
    (other / "torc_tui").mkdir(parents=True)
    (other / "torc_tui/__init__.py").write_text("raise SystemExit('another torc')\n")
    (other / program).write_text("#!/bin/sh\necho another torc\n")
    (other / program).chmod(0o755)
    shell.run_file(
        f"""
name: p
env: {{PYTHONPATH: {other}, PYTHONHOME: {other}, PATH: "{other}:$PATH"}}
user_data: [{{name: x, data: 7}}]
jobs: [{{name: a, command: "{program} user-data get ${{user_data.input.x}} > out"}}]
"""
    )
    assert "7" in (shell.folder / "out").read_text()


def test_values_of_env_are_expanded(shell: Any) -> None:
    shell.env |= {"BASE": "b c", "SHARED": "user", "OWN": "user", "TORC_JOB_NAME": "user"}
    shell.run_file(
        """
name: p
env: {SHARED: workflow, OWN: workflow, ONE: "$BASE/x", TWO: "${BASE}y", THREE: "$SHARED"}
jobs:
  - name: a
    env: {OWN: job, FOUR: "$$BASE $${BASE} $ $1 ${BASE:-z} $$", TORC_JOB_ID: "99", FIVE: "$OWN"}
    command: |
      printf '%s\\n' "$SHARED" "$OWN" "$ONE" "$TWO" "$THREE" "$FOUR" "$TORC_JOB_ID" "$FIVE" > out
"""
    )
    assert (shell.folder / "out").read_text().splitlines() == [
        "workflow",
        "job",
        "b c/x",
        "b cy",
        "user",
        "$BASE ${BASE} $ $1 ${BASE:-z} $$",
        "1",
        "user",
    ]


@pytest.mark.parametrize("where", ["workflow", "job"])
def test_a_variable_that_is_not_set(shell: Any, where: str) -> None:
    env = "env: {DATA: '$NOT_SET_HERE/x'}"
    own, shared = (", " + env, "") if where == "job" else ("", env + "\n")
    text = f"name: p\n{shared}jobs: [{{name: a, command: touch ran{own}}}]"
    said = shell.run_file(text, 2)
    assert (
        f"env of {where} '{'p' if where == 'workflow' else 'a'}': DATA uses $NOT_SET_HERE" in said
    )
    assert "$$NOT_SET_HERE" in said
    assert not shell.there("ran")
    shell.assert_nothing_held()


def test_own_path_in_env(shell: Any, venv: Path) -> None:
    shell.run_file(
        """
name: p
jobs:
  - {name: a, env: {PATH: "/opt/x:$PATH"}, command: 'ls; command -v torc && echo "$PATH" > one'}
  - {name: b, env: {PATH: /bin}, command: 'command -v torc && echo "$PATH" > two'}
"""
    )
    assert shell.words("one")[0].split(":")[1:3] == ["/opt/x", str(venv)]
    assert shell.words("two")[0].split(":")[1:] == ["/bin"]


def test_invocation_scripts_actions_and_recovery_scripts(shell: Any, venv: Path) -> None:
    shell.env["BASE"] = "base"
    shell.run_file(
        """
name: p
env: {DATA: "$BASE/d"}
jobs:
  - {name: a, invocation_script: 'command -v python torc > a; "$@"', command: 'python > b'}
  - name: f
    command: '[ -e mended ]'
    failure_handler: mend
failure_handlers:
  - name: mend
    rules: [{exit_codes: [1], recovery_script: 'command -v python torc > c; touch mended'}]
actions:
  - trigger_type: on_workflow_start
    action_type: run_commands
    commands: ['command -v python torc > d; echo "$DATA" > e']
"""
    )
    for name in "acd":
        python, torc = shell.words(name)
        assert python == f"{venv}/python"
        assert Path(torc).parent.parent == shell.folder / "state/torc/bin"
    assert (shell.folder / "b").read_text() == "the python of the user\n"
    assert (shell.folder / "e").read_text() == "base/d\n"


def test_a_locale_that_only_python_has(shell: Any) -> None:
    """Python sets LC_CTYPE for itself in the C locale; the user's shell has no such variable."""
    for name in list(shell.env):
        if name == "LANG" or name.startswith("LC_"):
            del shell.env[name]
    shell.run_file("name: p\njobs: [{name: a, command: 'echo \"[$LC_CTYPE]\" > out'}]")
    assert shell.words("out") == ["[]"]
    shell.env["LC_CTYPE"] = "C.UTF-8"
    assert shell.run("run", "w.yaml")[0] == 0
    assert shell.words("out") == ["[C.UTF-8]"]


def test_job_changed_after_the_check(shell: Any, until: Any) -> None:
    text = "name: p\njobs:\n  - {name: a, command: 'touch begun; until [ -e go ]; do sleep 0.02; done'}\n"
    runner = shell.start(
        "run", shell.write(text + "  - {name: b, command: 'true', depends_on: [a]}")
    )
    until(lambda: shell.there("begun"), "it runs")
    with shell.store() as store, store.write() as conn:
        execute(conn, "UPDATE job SET env = ? WHERE name = 'b'", ('{"X": "$NOT_SET"}',))
    (shell.folder / "go").touch()
    code, said = shell.finish(runner)
    assert code == 1, said
    assert shell.states() == {"a": "completed", "b": "failed"}
    assert "X uses $NOT_SET" in shell.run("why", "b", "-w", "1")[1]


class TestTheDirectory:
    """It is made safely whatever lies in its place."""

    def torc(self, shell: Any) -> Path:
        shell.run_file(
            "name: p\njobs: [{name: a, command: 'command -v torc > out; torc --version'}]"
        )
        return Path(shell.words("out")[0])

    def test_directory_is_reused(self, shell: Any) -> None:
        first = self.torc(shell)
        assert self.torc(shell) == first
        assert [path.name for path in first.parent.parent.iterdir()] == [first.parent.name]

    def test_changed_directory_is_replaced(self, shell: Any) -> None:
        first = self.torc(shell)
        text = first.read_text()
        first.write_text("#!/bin/sh\nexit 9\n")
        (first.parent / "python").write_text("")
        assert self.torc(shell) == first
        assert first.read_text() == text
        assert names(first.parent) == ["torc", "torc-client"]

    def test_untrusted_directory(self, shell: Any) -> None:
        elsewhere = shell.folder / "elsewhere"
        elsewhere.mkdir()
        (shell.folder / "state/torc").mkdir(parents=True)
        (shell.folder / "state/torc/bin").symlink_to(elsewhere)
        shell.env["TMPDIR"] = str(shell.folder)
        assert self.torc(shell).parent.parent == shell.folder / f"torc-{os.geteuid()}"
        assert list(elsewhere.iterdir()) == []

    def test_many_runners_at_once(self, shell: Any) -> None:
        code = (
            "from torc_tui.operations.job_environment import command_directory as c\n"
            "import sys; sys.stdin.read(); print(c())"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=shell.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(8)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        found = set()
        for process in processes:
            assert process.stdout is not None
            found.add(process.stdout.read().strip())
            process.stdout.close()
            assert process.wait() == 0
        (directory,) = found
        assert [path.name for path in Path(directory).parent.iterdir()] == [Path(directory).name]

    def test_modules_are_found_without_site(self, shell: Any) -> None:
        """The import of `site` takes a quarter of the start of Python, in each call of a job."""
        first, *rest = self.torc(shell).read_text().splitlines()
        python, options = first.removeprefix("#!").split()
        assert rest[-2:] == ["from torc_tui.cli.main import main", "sys.exit(main())"]
        code = "\n".join(
            [*rest[:-2], "import textual, psycopg, torc_tui; print('site' in sys.modules)"]
        )
        done = subprocess.run([python, options, "-c", code], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("False\n", "")

    @pytest.mark.parametrize("name", ["a b", "x" * 150], ids=["space", "long"])
    def test_a_python_that_a_shebang_cannot_name(self, shell: Any, name: str) -> None:
        """Kernels split the first line of a script at spaces, and cut it."""
        folder = shell.folder / name
        folder.mkdir()
        python = folder / "python"
        python.symlink_to(sys.executable)
        (folder.parent / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
        text = "name: p\njobs: [{name: a, command: 'torc --version > out'}]"
        code = f"import sys; sys.executable = {str(python)!r}; sys.argv[1:] = ['run', 'w.yaml']\n"
        shell.write(text)
        env = {**shell.env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", code + "from torc_tui.cli.main import main; main()"],
            cwd=shell.folder,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "torc" in (shell.folder / "out").read_text()
