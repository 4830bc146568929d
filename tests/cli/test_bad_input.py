"""What a user may do wrong, typed into a shell: one clear message, the right exit code, and nothing
is half done."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Shell = Callable[..., CompletedProcess[str]]

MANY = 2_000_000
ONE_JOB = "name: w\njobs:\n  - name: a\n    command: echo done\n"
ODD_NAME = "../../x; rm -rf"


def refused(done: CompletedProcess[str], code: int, *said: str) -> None:
    """The command failed with this code, in these words, on standard error only, without a
    traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    for words in said:
        assert words in done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert len(done.stderr) < 20_000


def workflows(shell: Shell) -> list[str]:
    done = shell("torc workflows list -f json")
    assert done.returncode == 0, done.stderr
    return [workflow["name"] for workflow in json.loads(done.stdout)]


FILES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "a tab": ("w.yaml", b"name: x\njobs:\n\t- name: a\n", ("w.yaml:3", "tabs")),
    "a misspelt key": (
        "w.yaml",
        b"name: x\njobs:\n  - name: a\n    comand: echo\n",
        ("w.yaml:4", "'comand'", "did you mean 'command'?"),
    ),
    "a misspelt name": (
        "w.yaml",
        b"name: x\njobs:\n  - {name: first, command: echo}\n  - {name: b, command: echo, depends_on: [frist]}\n",
        ("w.yaml:4", "'frist'", "did you mean 'first'?"),
    ),
    "an unknown format": (
        "w.ini",
        b"[section]\nkey = value\n",
        ("w.ini", "extension .ini is none of", "read as yaml: "),
    ),
    "a binary file": ("w.yaml", bytes(range(256)) * 20, ("w.yaml: this is a binary file",)),
    "an empty file": ("w.yaml", b"", ("w.yaml: the file is empty",)),
    "nonsense": (
        "w.yaml",
        b"lorem ipsum dolor\n" * (MANY // 18),
        ("w.yaml:1", "not the string 'lorem ipsum"),
    ),
    "brackets": ("w.json", b"[" * MANY, ("w.json", "nested deeper")),
    "more brackets": ("w.yaml", b"[" * MANY, ("w.yaml", "nested deeper")),
    "braces": ("w.kdl", b"{" * MANY, ("w.kdl", "nested deeper")),
    "open quote": ("w.json5", b"{a: '" + b"x" * MANY, ("w.json5",)),
    "zeros": ("w.json", bytes(MANY), ("w.json: this is a binary file",)),
    "a cycle through files": (
        "w.yaml",
        b"name: c\njobs:\n"
        b'  - {name: a, command: "cp ${files.input.y} ${files.output.x}"}\n'
        b'  - {name: b, command: "cp ${files.input.x} ${files.output.y}"}\n'
        b"files:\n  - {name: x, path: x}\n  - {name: y, path: y}\n",
        ("a -> b -> a", "file 'x'", "file 'y'"),
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_file_without_workflow(user_shell: Shell, tmp_path: Path, what: str) -> None:
    name, content, said = FILES[what]
    (tmp_path / "work" / name).write_bytes(content)
    refused(user_shell(f"torc create {name}"), 2, *said)
    assert workflows(user_shell) == []


def test_equal_errors_of_all_commands(user_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "work/w.yaml").write_bytes(FILES["a misspelt key"][1])
    for command in ("run", "create --dry-run", "validate"):
        done = user_shell(f"torc {command} w.yaml")
        assert done.returncode == 2
        assert "did you mean 'command'?" in done.stdout + done.stderr
    (tmp_path / "work/folder.yaml").mkdir()
    for name in ("folder.yaml", "."):
        refused(user_shell(f"torc create {name}"), 2, "Is a directory")
    refused(user_shell("torc create none.yaml"), 2, "none.yaml", "No such file")
    refused(user_shell("torc run none.yaml"), 2, "none.yaml")
    assert workflows(user_shell) == []


def test_odd_names_and_commands(user_shell: Shell, tmp_path: Path) -> None:
    command = """echo "it's \\"quoted\\" \\$(no)" 'ünï 漢字 🙂'\nprintf '%s|' "two\nlines" `echo tick`\n"""
    (tmp_path / "work/w.json").write_text(
        json.dumps(
            {"name": "odd", "jobs": [{"name": ODD_NAME, "command": command}]}, ensure_ascii=False
        )
    )
    done = user_shell("torc run w.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        user_shell("torc logs 1 --stdout").stdout
        == 'it\'s "quoted" $(no) ünï 漢字 🙂\ntwo\nlines|tick|'
    )
    for line in (f"torc jobs get '{ODD_NAME}' -f json", f"torc jobs get '1/{ODD_NAME}' -f json"):
        assert json.loads(user_shell(line).stdout)["name"] == ODD_NAME
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "store.db", "work"]


def test_large_and_odd_user_data(user_shell: Shell, tmp_path: Path) -> None:
    value = {
        "__class__": "x",
        "__proto__": {"__init__": 1},
        "": None,
        "\0": "\0",
        "big": "y" * 5_000_000,
    }
    (tmp_path / "work/value.json").write_text(json.dumps(value))
    (tmp_path / "work/w.yaml").write_text(
        ONE_JOB + "    input_user_data: [odd]\nuser_data: [{name: odd, data: 1}]\n"
    )
    done = user_shell("torc create w.yaml && torc user-data update odd -w 1 --data-file value.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(user_shell("torc user-data get odd -w 1").stdout)["data"] == value
    refused(
        user_shell("head -c 100000 value.json | torc user-data update 1 --data -"),
        2,
        "not valid JSON",
    )
    assert json.loads(user_shell("torc user-data get 1").stdout)["data"] == value


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run 77", "there is no workflow 77"),
        ("init 77", "there is no workflow 77"),
        ("cancel 77", "there is no workflow 77"),
        ("delete 77 -y", "there is no workflow 77"),
        ("jobs list 77", "there is no workflow 77"),
        ("why 77", "there is no job 77"),
        ("logs 77", "there is no job 77"),
        ("user-data get 77", "there is no user data 77"),
        ("user-data update 77 --data 1", "there is no user data 77"),
    ],
)
def test_unknown_id(user_shell: Shell, tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "work/w.yaml").write_text(ONE_JOB)
    assert user_shell("torc create w.yaml").returncode == 0
    refused(user_shell(f"torc {line}"), 2, said)


EVERY_DOOR = ("workflows list", "create w.yaml", "run w.yaml", "user-data get 1")


@pytest.fixture
def made(user_shell: Shell, tmp_path: Path) -> Path:
    """A store with one workflow in it."""
    (tmp_path / "work/w.yaml").write_text(ONE_JOB + "user_data:\n  - {name: d, data: 1}\n")
    assert user_shell("torc create w.yaml").returncode == 0
    return tmp_path / "store.db"


def test_not_a_database(user_shell: Shell, made: Path) -> None:
    text = b"dear diary, today I was no database\n" * 100
    made.write_bytes(text)
    for door in EVERY_DOOR:
        refused(user_shell(f"torc {door}"), 2, "store.db is not a database")
    assert made.read_bytes() == text


def test_newer_schema(user_shell: Shell, made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'torc_schema'")
    assert user_shell("torc workflows list").returncode == 0  # it says that this version may
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key LIKE 'oldest_%'")
    for door in EVERY_DOOR:
        refused(user_shell(f"torc {door}"), 2, "newer")


def test_locked_database(torc: Any, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torc_tui.store.connect.BUSY_SECONDS", 0.2)
    holder = sqlite3.connect(made, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    answer = torc("create", "w.yaml")
    assert (answer.code, answer.out) == (1, "")
    assert "is locked by another program" in answer.err
    assert torc("workflows", "list").code == 0  # who only reads is not kept waiting
    holder.execute("ROLLBACK")
    holder.close()
    listed = torc("workflows", "list", "-f", "json").json
    assert [workflow["name"] for workflow in listed] == ["w"]


def unshared(script: str) -> str:
    """A line that runs the script where it may mount file systems of its own."""
    return f"unshare -rm bash -euc '{script}'"


@pytest.fixture
def may_mount() -> None:
    done = subprocess.run(
        ["bash", "-c", unshared("mount -t tmpfs none /mnt")], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("user namespaces are not allowed here")


def test_read_only_database(user_shell: Shell, made: Path, may_mount: None) -> None:
    (made.parent / "work/there").mkdir()
    made.rename(made.parent / "work/there/store.db")
    read_only = "mount --bind there there; mount -o remount,ro,bind there; "
    for door in ("create w.yaml", "run 1", "user-data update 1 --data 2"):
        refused(
            user_shell(unshared(f"{read_only} torc {door} --database there/store.db")),
            1,
            "there/store.db",
        )
    refused(
        user_shell(unshared(f"{read_only} torc create w.yaml --database there/new.db")),
        1,
        "there/new.db",
    )
    done = user_shell("torc workflows list -f json --database there/store.db")
    assert len(json.loads(done.stdout)) == 1


def test_full_output_directory(user_shell: Shell, made: Path, may_mount: None) -> None:
    (made.parent / "work/w.yaml").write_text(
        "name: space\njobs:\n"
        "  - {name: much, command: head -c 200000 /dev/zero}\n"
        "  - {name: after, command: echo, depends_on: [much]}\n"
    )
    (made.parent / "work/small").mkdir()
    done = user_shell(
        unshared("mount -t tmpfs -o size=64k none small; torc run w.yaml -o small/out")
    )
    assert done.returncode == 1
    assert re.search(r"the disk of \S+small/out has .* left", done.stdout)
    assert "Traceback" not in done.stdout + done.stderr
    states = {
        job["name"]: job["status"]
        for job in json.loads(user_shell("torc jobs list 2 -f json").stdout)
    }
    assert states == {"much": "failed", "after": "canceled"}


def test_output_directory_cannot_be_created(user_shell: Shell, made: Path) -> None:
    (made.parent / "work/file").write_text("")
    done = user_shell("torc run 1 -o file/out")
    assert done.returncode == 2 and "file/out" in done.stderr and "Not a directory" in done.stderr
    assert (
        json.loads(user_shell("torc jobs list 1 -f json").stdout)[0]["status"] == "ready"
    )  # nothing was tried
    assert user_shell("torc run 1").returncode == 0


def test_missing_working_directory(user_shell: Shell, made: Path) -> None:
    done = user_shell(
        "mkdir gone; cd gone; torc create ../w.yaml -f json; cd ..; rmdir gone; torc run 2"
    )
    assert done.returncode == 2
    assert (
        f"the working directory of the workflow does not exist: {made.parent}/work/gone"
        in done.stderr
    )
    assert not (made.parent / "work/gone").exists()


@pytest.mark.parametrize(
    "line", ["create ../../w.yaml", "run ../../w.yaml", "run 1", "jobs list 1", "user-data get 1"]
)
def test_a_deleted_directory(user_shell: Shell, made: Path, line: str) -> None:
    done = user_shell(f"mkdir gone; cd gone; rmdir ../gone; torc {line}")
    assert done.returncode in (0, 2), done.stderr
    if done.returncode:
        refused(done, 2)
        assert "no longer exists" in done.stderr or "cannot read" in done.stderr
    assert len(workflows(user_shell)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "workflows import {}",
        "user-data update config -w 1 --data-file {}",
        "user-data create 1 -n x --data-file {}",
        "jobs create-from-file 1 {}",
        "validate {}",
        "create {}",
        "run {}",
    ],
)
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/full"])
def test_device_as_file(user_shell: Shell, made: Path, line: str, path: str) -> None:
    done = user_shell(f"torc {line.format(path)}", seconds=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert "device, not a file" in done.stderr
