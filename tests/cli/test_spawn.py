"""``torc spawn``: jobs that add jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torc_tui.store.database import Store
from torc_tui.store.event_log import append

pytestmark = pytest.mark.system

CHILD = """torc spawn - --state '{"n":1}' <<'END'
{"jobs": [{"name": "child", "command": "echo $TORC_LINEAGE $TORC_GENERATION > child.txt"}]}
END
"""


def write(place: Path, jobs: list[dict[str, Any]], **more: Any) -> None:
    (place / "w.json").write_text(json.dumps({"name": "w", "jobs": jobs, **more}))


def fragment(place: Path, *jobs: dict[str, Any], name: str = "f.json", **more: Any) -> str:
    """Write a fragment; return the command that spawns it."""
    (place / name).write_text(json.dumps({"jobs": list(jobs), **more}))
    return f"torc spawn {name}"


def statuses(torc: Any, workflow: int = 1) -> dict[str, str]:
    return {one["name"]: one["status"] for one in torc("jobs", "list", workflow, "-f", "json").json}


def events(torc: Any, kind: str) -> list[dict[str, Any]]:
    found = torc("events", "list", 1, "-f", "json").json
    return [one for one in found if one["event_type"] == kind]


def logs(place: Path) -> str:
    texts = [path.read_text() for path in sorted((place / "torc_output/job_stdio").iterdir())]
    return "".join(texts)


def test_child_runs_after_its_parent(torc: Any, place: Path) -> None:
    write(place, [{"name": "p", "command": CHILD + "test ! -e child.txt"}])
    assert torc("run", "w.json", "-q").code == 0
    assert (place / "child.txt").read_text() == "p 1\n"
    assert "Added 1 job to workflow 1 (generation 1 of p)" in logs(place)
    jobs = torc("jobs", "list", 1, "-f", "json").json
    assert [one["spawned_by"] for one in jobs] == [None, 1]
    record = torc("user-data", "get", "lineage_p", "-w", 1).json
    assert record["data"] == {"generation": 1, "job": "p", "state": {"n": 1}}
    assert [one["job_id"] for one in events(torc, "jobs_spawned")] == [1]


def test_lineage_goes_on(torc: Any, place: Path) -> None:
    chain = (
        'test $TORC_GENERATION = 4 || torc spawn - --lineage it <<END\n{"jobs": [{"name":'
        ' "g$((TORC_GENERATION + 1))", "command": "bash chain.sh"}]}\nEND\n'
        'echo "$TORC_LINEAGE $TORC_GENERATION" >> log'
    )
    (place / "chain.sh").write_text(chain)
    write(place, [{"name": "g0", "command": "bash chain.sh"}])
    assert torc("run", "w.json", "-q").code == 0
    assert (place / "log").read_text() == "g0 0\nit 1\nit 2\nit 3\nit 4\n"


def test_lineage_whose_record_has_too_long_a_name(torc: Any, place: Path) -> None:
    command = fragment(place) + " --state 1 --lineage " + "l" * 995
    write(place, [{"name": "p", "command": f"{command}; test $? = 2"}])
    assert torc("run", "w.json", "-q").code == 0
    assert "has 1,003 characters; a name may have at most 1,000" in logs(place)
    assert "give the lineage a shorter name with --lineage" in logs(place)
    assert torc("user-data", "list", 1, "-f", "json").json == []


def test_limit_of_generations(torc: Any, place: Path) -> None:
    (place / "chain.sh").write_text(
        'torc spawn - <<END\n{"jobs": [{"name": "g$((TORC_GENERATION + 1))",'
        ' "command": "bash chain.sh"}]}\nEND\n'
    )
    jobs = [{"name": "g0", "command": "bash chain.sh"}]
    write(place, jobs, dynamic_jobs={"max_iterations": 2})
    assert torc("run", "w.json", "-q").code == 1
    assert statuses(torc) == {"g0": "completed", "g1": "completed", "g2": "failed"}
    message = "lineage 'g0' would reach generation 3: dynamic_jobs.max_iterations is 2"
    assert message in logs(place)


def test_limit_of_jobs(torc: Any, place: Path) -> None:
    command = fragment(place, *({"name": f"c{i}", "command": "true"} for i in range(5)))
    write(place, [{"name": "p", "command": command}], dynamic_jobs={"max_jobs": 5})
    assert torc("run", "w.json", "-q").code == 1
    assert statuses(torc) == {"p": "failed"}
    assert "the workflow would have 6 jobs: dynamic_jobs.max_jobs is 5" in logs(place)


def test_failed_attempt_leaves_nothing(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "child", "command": "touch ran"})
    jobs = [{"name": "p", "command": f"{command}; exit 3"}]
    write(place, jobs)
    assert torc("run", "w.json", "-q").code == 1
    assert statuses(torc) == {"p": "failed"}
    assert not (place / "ran").exists()
    (told,) = events(torc, "jobs_discarded")
    assert told["data"]["names"] == ["child"]


def test_retry_makes_them_once(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "child", "command": "echo x >> ran"})
    handler = {"name": "h", "rules": [{"match_all_exit_codes": True, "max_retries": 2}]}
    once = f"{command}; test $TORC_ATTEMPT_ID = 3"
    jobs = [
        {"name": "p", "command": once, "failure_handler": "h"},
        {"name": "after", "command": "cat ran", "depends_on": ["p"], "wait_for_spawned": True},
    ]
    write(place, jobs, failure_handlers=[handler])
    assert torc("run", "w.json", "-q").code == 0
    assert (place / "ran").read_text() == "x\n"
    assert statuses(torc) == dict.fromkeys(("p", "after", "child"), "completed")


def test_now(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "child", "command": "touch ran"})
    wait = "until [ -e ran ]; do sleep 0.02; done"
    jobs = [{"name": "p", "command": f"{command} --now && {command} --now && {wait}; exit 1"}]
    write(place, jobs)
    assert torc("run", "w.json", "-q", "--num-cpus", 2).code == 1
    assert statuses(torc) == {"p": "failed", "child": "completed"}
    assert "Added 0 jobs to workflow 1; 1 had been added before" in logs(place)


def test_same_text_same_id(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "child", "command": "true"})
    other = fragment(place, {"name": "child", "command": "false"}, name="other.json")
    twice = f"{command} -f json > a; {command} -f json > b; {other}; test $? = 2"
    write(place, [{"name": "p", "command": twice}])
    assert torc("run", "w.json", "-q").code == 0
    first, second = (json.loads((place / name).read_text()) for name in "ab")
    assert first["job_ids"] == second["job_ids"] == {"child": 2}
    assert (first["created"], second["created"]) == (1, 0)
    assert "job 'child' was added earlier with a different definition" in logs(place)


def test_other_text_in_another_attempt(torc: Any, place: Path) -> None:
    fragment(place, {"name": "child", "command": "echo 1 > ran"}, name="f1.json")
    fragment(place, {"name": "child", "command": "echo 2 > ran"}, name="f2.json")
    handler = {"name": "h", "rules": [{"match_all_exit_codes": True}]}
    command = "torc spawn f$TORC_ATTEMPT_ID.json; test $TORC_ATTEMPT_ID = 2"
    jobs = [{"name": "p", "command": command, "failure_handler": "h"}]
    write(place, jobs, failure_handlers=[handler])
    assert torc("run", "w.json", "-q").code == 0
    assert (place / "ran").read_text() == "2\n"


def test_rerun_replaces_children(torc: Any, place: Path) -> None:
    (place / "f.json").write_text('{"jobs": [{"name": "a", "command": "echo a >> ran"}]}')
    write(place, [{"name": "p", "command": "torc spawn f.json"}])
    assert torc("run", "w.json", "-q").code == 0
    assert torc("rerun", "p").code == 0
    assert torc("run", 1, "-q").code == 0
    assert statuses(torc) == {"p": "completed", "a": "completed"}
    assert (place / "ran").read_text() == "a\na\n"
    (place / "f.json").write_text('{"jobs": [{"name": "b", "command": "echo b >> ran"}]}')
    assert torc("rerun", "p").code == 0
    assert torc("run", 1, "-q").code == 0
    assert statuses(torc) == {"p": "completed", "b": "completed"}
    assert (place / "ran").read_text() == "a\na\nb\n"


def test_init_runs_all_again(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "a", "command": "echo a >> ran"})
    write(place, [{"name": "p", "command": command}])
    assert torc("run", "w.json", "-q").code == 0
    assert torc("init", 1, "-y").code == 0
    assert torc("run", 1, "-q").code == 0
    assert statuses(torc) == {"p": "completed", "a": "completed"}
    assert (place / "ran").read_text() == "a\na\n"


def test_references_to_the_workflow(torc: Any, place: Path) -> None:
    child = {
        "name": "child",
        "command": "cat ${files.input.made} ${files.input.first} > ${files.output.last};"
        " torc user-data get ${user_data.input.cfg} | grep 42",
        "depends_on": ["other"],
        "resource_requirements": "small",
        "failure_handler": "h",
    }
    maker = {"name": "maker", "command": "echo made > ${files.output.made}"}
    files = [{"name": "made", "path": "made.txt"}, {"name": "last", "path": "last.txt"}]
    command = fragment(place, child, maker, files=files)
    jobs = [
        {"name": "p", "command": f"echo first > ${{files.output.first}}; {command}"},
        {"name": "other", "command": "true"},
    ]
    write(
        place,
        jobs,
        files=[{"name": "first", "path": "first.txt"}],
        user_data=[{"name": "cfg", "data": 42}],
        resource_requirements=[{"name": "small", "num_cpus": 1}],
        failure_handlers=[{"name": "h", "rules": [{"exit_codes": [9]}]}],
    )
    assert torc("run", "w.json", "-q").code == 0, logs(place)
    assert (place / "last.txt").read_text() == "made\nfirst\n"
    found = torc("jobs", "list", 1, "-f", "json").json
    by_name = {one["name"]: one for one in found}
    assert by_name["child"]["failure_handler_id"] == 1


def test_entries_that_the_workflow_has(torc: Any, place: Path) -> None:
    """A fragment may declare records and files again; the entries of the workflow count."""
    more = {
        "user_data": [{"name": "cfg", "data": 1}, {"name": "new", "data": 2}],
        "files": [{"name": "f", "path": "f.txt"}],
    }
    command = fragment(place, {"name": "child", "command": "true"}, **more)
    other = {"files": [{"name": "f", "path": "other.txt"}]}
    refused = fragment(place, {"name": "c", "command": "true"}, name="other.json", **other)
    write(
        place,
        [{"name": "p", "command": f"{command} && {command} && {refused}; test $? = 2"}],
        user_data=[{"name": "cfg", "data": 42}],
        files=[{"name": "f", "path": "f.txt"}],
    )
    assert torc("run", "w.json", "-q").code == 0, logs(place)
    assert "files: 'f' differs from the entry of that name in the workflow" in logs(place)
    records = torc("user-data", "list", 1, "-f", "json").json
    assert {one["name"]: one["data"] for one in records} == {"cfg": 42, "new": 2}
    assert len(torc("files", "list", 1, "-f", "json").json) == 1


def test_join_waits_for_descendants(torc: Any, place: Path) -> None:
    grandchild = {"name": "grandchild", "command": "echo grandchild >> ran"}
    inner = fragment(place, grandchild, name="inner.json")
    child = {"name": "child", "command": f"echo child >> ran; {inner}"}
    outer = fragment(place, child, {"name": "alone", "command": "true"})
    jobs = [
        {"name": "p", "command": outer},
        {"name": "q", "command": "true"},
        {
            "name": "join",
            "command": "echo join >> ran",
            "depends_on": ["p", "q"],
            "wait_for_spawned": True,
        },
        {"name": "join2", "command": "true", "depends_on": ["p", "q"], "wait_for_spawned": True},
    ]
    write(place, jobs)
    assert torc("run", "w.json", "-q").code == 0
    assert (place / "ran").read_text() == "child\ngrandchild\njoin\n"


def test_independent_jobs_hold_up_nothing(torc: Any, place: Path) -> None:
    child = {"name": "child", "command": "until [ -e joined ]; do sleep 0.02; done"}
    jobs = [
        {"name": "p", "command": f"{fragment(place, child)} --independent"},
        {
            "name": "join",
            "command": "touch joined",
            "depends_on": ["p"],
            "wait_for_spawned": True,
        },
    ]
    write(place, jobs)
    assert torc("run", "w.json", "-q", "--num-cpus", 2).code == 0


@pytest.mark.parametrize(
    ("key", "made"),
    [
        ("depends_on_regexes", {"command": "echo child >> ran"}),
        ("input_file_regexes", {"command": "echo child >> ran; touch ${files.output.part_2}"}),
        (
            "input_user_data_regexes",
            {"command": "echo child >> ran; torc user-data update ${user_data.output.part_2} -d 1"},
        ),
    ],
)
def test_patterns_take_new_jobs_in(torc: Any, place: Path, key: str, made: Any) -> None:
    first = "touch ${files.output.part_1}; torc user-data update ${user_data.output.part_1} -d 1;"
    files = [{"name": "part_2", "path": "p2"}] if "file" in key else []
    command = fragment(place, {"name": "part_2", **made}, files=files)
    jobs = [
        {"name": "part_1", "command": f"{first} {command}"},
        {"name": "all", "command": "echo all >> ran", key: ["^part_"]},
    ]
    write(place, jobs, files=[{"name": "part_1", "path": "p1"}])
    assert torc("run", "w.json", "-q").code == 0, logs(place)
    assert (place / "ran").read_text() == "child\nall\n"


def test_ready_job_waits_again(torc: Any, place: Path) -> None:
    """A job that is ready and has not begun also gets new dependencies."""
    command = fragment(place, {"name": "part_2", "command": "echo child >> ran"})
    jobs = [
        {"name": "part_1", "command": "true"},
        {"name": "p", "command": f"until [ -e go ]; do sleep 0.02; done; {command}"},
        {"name": "go", "command": "touch go"},
        {"name": "part_all", "command": "echo all >> ran", "depends_on_regexes": ["^part_[0-9]"]},
    ]
    jobs[3]["resource_requirements"] = "large"
    large = {"name": "large", "num_cpus": 2}
    write(place, jobs, resource_requirements=[large])
    assert torc("run", "w.json", "-q", "--num-cpus", 2).code == 0
    assert (place / "ran").read_text() == "child\nall\n"


def test_cycle_is_refused(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "part_2", "command": "true", "depends_on": ["all"]})
    jobs = [
        {"name": "part_1", "command": f"{command}; test $? = 2"},
        {"name": "all", "command": "true", "depends_on_regexes": ["^part_"]},
    ]
    write(place, jobs)
    assert torc("run", "w.json", "-q").code == 0
    assert "a pattern of job 'all' matches new jobs that wait for it" in logs(place)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"jobs": [{"name": "p", "command": "true"}]}', "already has a job 'p'"),
        ('{"jobs": [{"name": "c", "command": "x", "depends_on": ["zz"]}]}', "'zz', which is not"),
        ('{"jobs": [{"name": "c"}]}', "command"),
        ('{"jobs": [], "actions": []}', "Added 0 jobs"),
        ('{"jobs": [], "env": {"A": "1"}}', "'env' is a key of the workflow"),
        ('{"jobs": [], "on_lost": "fail"}', "'on_lost' is a key of the workflow"),
        (
            '{"jobs": [{"name": "c", "command": "x"}],'
            ' "resource_requirements": [{"name": "small", "num_cpus": 9}]}',
            "'small' differs from the entry of that name",
        ),
        ("not: [json", "error: "),
    ],
    ids=range(8),
)
def test_wrong_fragments(torc: Any, place: Path, text: str, message: str) -> None:
    (place / "f.txt").write_text(text)
    small = [{"name": "small", "num_cpus": 1}]
    write(place, [{"name": "p", "command": "torc spawn f.txt"}], resource_requirements=small)
    assert torc("run", "w.json", "-q").code == (0 if "Added" in message else 1)
    assert message in logs(place)
    assert list(statuses(torc)) == ["p"]


def test_outside_of_a_job(torc: Any, place: Path) -> None:
    (place / "f.json").write_text('{"jobs": []}')
    answer = torc("spawn", "f.json")
    assert answer.code == 2
    assert "torc spawn must be called by a job" in answer.err


def test_old_attempt_is_refused(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, [{"name": "p", "command": "true"}])
    assert torc("run", "w.json", "-q").code == 0
    (place / "f.json").write_text('{"jobs": [{"name": "c", "command": "true"}]}')
    for name in ("WORKFLOW", "JOB", "RUN", "ATTEMPT"):
        monkeypatch.setenv(f"TORC_{name}_ID", "1")
    answer = torc("spawn", "f.json")
    assert answer.code == 2
    assert "attempt 1 of job 'p' is not running: it cannot add jobs" in answer.err


def test_update_keeps_children(torc: Any, place: Path) -> None:
    command = fragment(place, {"name": "part_2", "command": "true"})
    jobs = [
        {"name": "part_1", "command": command},
        {"name": "all", "command": "true", "depends_on_regexes": ["^part_"]},
    ]
    write(place, jobs)
    assert torc("run", "w.json", "-q").code == 0
    edges = torc("jobs", "list", 1, "--include-relationships", "-f", "json").json
    jobs[1]["command"] = "echo changed"
    write(place, jobs)
    assert torc("update", "w.json").code == 0
    after = torc("jobs", "list", 1, "--include-relationships", "-f", "json").json
    assert [one["depends_on_job_ids"] for one in after] == [
        one["depends_on_job_ids"] for one in edges
    ]
    assert torc("run", 1, "-q").code == 0
    assert set(statuses(torc).values()) == {"completed"}


def test_many_children(torc: Any, place: Path) -> None:
    jobs = [{"name": f"c{i}", "command": "true"} for i in range(300)]
    command = fragment(place, *jobs)
    write(
        place,
        [
            {"name": "p", "command": f"{command}; exit 1"},
            {"name": "join", "command": "true", "depends_on": ["p"], "wait_for_spawned": True},
        ],
    )
    assert torc("run", "w.json", "-q").code == 1
    assert statuses(torc) == {"p": "failed", "join": "canceled"}
    store = Store.open()
    with store.write() as conn:
        append(conn, 1, [], at=0.0)
        assert conn.raw.execute("SELECT count(*) FROM dependency").fetchone()[0] == 1
    store.close()


def test_postgresql(
    torc: Any, place: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORC_DATABASE", postgresql_url)
    inner = fragment(place, {"name": "part_3", "command": "echo 3 >> ran"}, name="inner.json")
    command = fragment(place, {"name": "part_2", "command": f"echo 2 >> ran; {inner}"})
    handler = {"name": "h", "rules": [{"match_all_exit_codes": True}]}
    once = f"{command}; test $TORC_ATTEMPT_ID = 2"
    jobs = [
        {"name": "part_1", "command": once, "failure_handler": "h"},
        {"name": "all", "command": "echo all >> ran", "depends_on_regexes": ["^part_"]},
        {
            "name": "join",
            "command": "echo join >> ran",
            "depends_on": ["part_1", "all"],
            "wait_for_spawned": True,
        },
    ]
    write(place, jobs, failure_handlers=[handler])
    assert torc("run", "w.json", "-q").code == 0, logs(place)
    assert (place / "ran").read_text() == "2\n3\nall\njoin\n"


def test_import_of_a_loop(torc: Any, place: Path) -> None:
    """An imported workflow runs like the first: parents add the same jobs, and a join waits."""
    (place / "chain.sh").write_text(
        'test $TORC_GENERATION = 2 || torc spawn - <<END\n{"jobs": [{"name":'
        ' "it_$((TORC_GENERATION + 1))", "command": "bash chain.sh"}]}\nEND\n'
        'echo "$TORC_JOB_NAME" >> ran\n'
    )
    join = {"name": "join", "command": "echo join >> ran", "depends_on_regexes": ["^it_"]}
    write(place, [{"name": "it_0", "command": "bash chain.sh"}, join])
    assert torc("run", "w.json", "-q").code == 0
    assert (place / "ran").read_text().split() == ["it_0", "it_1", "it_2", "join"]
    for options in ([], ["--include-results"]):
        torc("workflows", "export", 1, "-o", "copy.json", *options)
        copy = torc("workflows", "import", "copy.json", "-f", "json").json["id"]
        before = {one["name"]: one["id"] for one in torc("jobs", "list", copy, "-f", "json").json}
        (place / "ran").unlink()
        assert torc("run", copy, "-q").code == 0
        after = torc("jobs", "list", copy, "-f", "json").json
        assert {one["name"]: one["id"] for one in after} == before
        assert {one["status"] for one in after} == {"completed"}
        ran = (place / "ran").read_text().split()
        assert sorted(ran) == ["it_0", "it_1", "it_2", "join"] and ran[-1] == "join"
