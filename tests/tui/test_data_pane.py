"""User data in the app, by Pilot on a real database: list, value, editor, conflicts, versions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import ENVIRON, Workspace, screen, screen_text, sees, until
from torc_tui.lifecycle.rerun_plan import JobVerdict, RerunDecision
from torc_tui.store import feed, user_data, user_data_records
from torc_tui.tui.data import data_editor, data_review, external_editing, record_listing
from torc_tui.tui.data import data_pane as data_pane
from torc_tui.tui.data.data_editor import DataEditor
from torc_tui.tui.data.data_list import searched
from torc_tui.tui.data.data_pane import DataPane
from torc_tui.tui.data.data_texts import Record
from torc_tui.tui.data.data_versions import DataVersions
from torc_tui.tui.data.json_editor import HIGHLIGHTED, LARGEST, JsonEditor, LargeText
from torc_tui.tui.data.json_tree import JsonTree
from torc_tui.tui.data.json_tree_rows import TreePlace
from torc_tui.tui.frame import row_order
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.widgets.choice import Choice, Confirm
from torc_tui.tui.widgets.dialogs import Ask, TextDialog
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen
from torc_tui.wording import readable

pytestmark = pytest.mark.system

SPEC = """
name: lab
user_data:
  - name: config
    data: {lr: 0.1, layers: [1, 2, {units: 8}], note: "first"}
    schema: {type: object, required: [lr], properties: {lr: {type: number, maximum: 1}}}
  - {name: metrics}
  - {name: "[bold]odd", data: {"__class__": 1}}
jobs:
  - {name: train, command: "true", input_user_data: [config], output_user_data: [metrics]}
  - {name: report, command: "true", input_user_data: [metrics]}
"""


class Lab(Workspace):
    """A database with user data, and the app on it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        self.raw = self.store.connection()
        records = user_data_records.list_records(self.raw, self.workflow_id)
        self.ids = {one["name"]: one["id"] for one in records}
        with self.store.read() as conn:
            self.jobs: dict[str, int] = dict(execute(conn, "SELECT name, id FROM job"))

    def app(self, **more: Any) -> TorcApp:
        return super().app(environ={**ENVIRON, "EDITOR": "none-such"}, **more)

    def write(self, name: str, value: Any, *, job: str | None = None) -> None:
        who = {"job": (self.jobs[job], 1, 1)} if job else {"actor": "bob@there"}
        user_data.update(
            self.raw, self.ids[name], {"data": value}, user_data.Author(time.time(), **who)
        )

    def value(self, name: str) -> Any:
        return user_data.get(self.raw, self.ids[name])["data"]

    def version(self, name: str) -> int:
        return int(user_data.get(self.raw, self.ids[name])["version"])


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(data_editor, "PATIENCE", 0.01)
    made = Lab(tmp_path)
    yield made
    made.store.close()


def pane(pilot: Pilot[int]) -> DataPane:
    return screen(pilot).query_one(DataPane)


def tree(pilot: Pilot[int]) -> JsonTree:
    return pane(pilot).query_one(JsonTree)


def editor(pilot: Pilot[int]) -> DataEditor:
    return next(one for one in pilot.app.screen_stack if isinstance(one, DataEditor))


async def opened(pilot: Pilot[int], record: str = "config") -> DataPane:
    """Show the tab and put the cursor on that record."""
    await until(pilot, sees(pilot, "train"))
    await pilot.press("4", "4")
    await until(pilot, lambda: screen(pilot).query(DataPane) and pane(pilot).records)
    data = pane(pilot)
    data.table.focus()
    data.table.select(next(key for key, one in data.records.items() if one["name"] == record))
    await until(
        pilot,
        lambda: data.value_view.record is not None and data.value_view.record["name"] == record,
    )
    return data


async def edited(pilot: Pilot[int], typed: str, record: str = "config") -> DataEditor:
    """Open the editor of a record with that text in it."""
    await opened(pilot, record)
    await pilot.press("e")
    await until(
        pilot, lambda: isinstance(pilot.app.screen, DataEditor) and editor(pilot).field is not None
    )
    found = editor(pilot)
    assert found.field is not None
    found.field.text = typed
    return found


# -- looking ---------------------------------------------------------------------------------------


async def test_columns_of_the_list(lab: Lab) -> None:
    lab.write("metrics", [0.5], job="train")
    lab.write("[bold]odd", {"x": 1})
    async with lab.app().run_test(size=(240, 40)) as pilot:
        data = await opened(pilot)
        screen(pilot).split.toggle_alone(screen(pilot).focused)
        await until(
            pilot, sees(pilot, "● written", "◆ edited", "train", "report", "[bold]odd", "Data 3")
        )
        assert [one["state"] for one in data.records.values()] == ["written", "written", "edited"]
        assert not data.list.note.display


async def test_filter_and_order_of_records(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many records are searched and sorted in the reader thread."""
    threads: set[str] = set()

    def searched_here(record: Record) -> str:
        threads.add(threading.current_thread().name)
        return searched(record)

    monkeypatch.setattr(record_listing, "searched", searched_here)
    monkeypatch.setattr(row_order, "MANY", 2)
    async with lab.app().run_test(size=(160, 40)) as pilot:
        data = await opened(pilot)
        await pilot.press("/", *"empty")
        await until(pilot, lambda: list(data.rows.records) == [lab.ids["metrics"]])
        await until(pilot, sees(pilot, "1 of 3", "not written yet"))
        assert len(screen(pilot).table.order) == 2, "the jobs are not filtered"
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(data.rows.records) == 3)
        names = sorted(data.listing.names)
        await pilot.press("s", "S")
        await until(
            pilot,
            lambda: [data.records[key]["name"] for key in data.table.order] == names[::-1],
        )
    assert threads == {"torc-reader"}


async def test_records_of_the_job(lab: Lab) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        data = await opened(pilot)
        await pilot.press("o")
        await until(pilot, lambda: len(data.records) == 2)
        await until(pilot, sees(pilot, "in config", "out metrics", "2 records of job train"))
        screen(pilot).table.select(lab.jobs["report"])
        await until(pilot, lambda: [one["name"] for one in data.records.values()] == ["metrics"])
        await pilot.press("o")
        await until(pilot, lambda: len(data.records) == 3)


async def test_search(lab: Lab) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await pilot.press("enter", "/", *"units")
        await until(pilot, lambda: tree(pilot).path == ("layers", 2, "units"))
        await pilot.press(
            "backspace", "backspace", "backspace", "backspace", "backspace", *".note", "enter"
        )
        await until(pilot, lambda: tree(pilot).path == ("note",))
        await pilot.press("escape")
        await until(pilot, lambda: not pane(pilot).value_view.searching)
        await pilot.press("/", "l", "enter")
        await until(pilot, lambda: len(pane(pilot).value_view.hits) == 2)
        first = tree(pilot).path
        await pilot.press("n")
        assert tree(pilot).path != first
        await pilot.press("N")
        assert tree(pilot).path == first


async def test_tree_and_text(lab: Lab) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until(pilot, sees(pilot, '"units": 8', "config  version 1 by ada@here"))
        await pilot.press("t")
        await until(pilot, sees(pilot, "layers: 3 items"))


async def test_height_of_the_list(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 60)) as pilot:
        data = await opened(pilot)
        await until(pilot, lambda: 0 < data.split.first.size.height <= 13)
        data.split.move(0.3)
        await until(pilot, lambda: data.split.first.size.height > 20)
        lab.write("metrics", 1)
        await until(pilot, lambda: data.records[lab.ids["metrics"]]["version"] == 1)
        assert data.split.first.size.height > 20


async def test_copies(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TorcApp, "copy_to_clipboard", lambda self, text: copied.append(text))
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        tree(pilot).show_path(("layers", 2))
        await pilot.press("Y", "y")
        await until(pilot, lambda: len(copied) == 2)
        assert copied[0] == ".layers[2]" and json.loads(copied[1]) == {"units": 8}
        await pilot.press("c")
        await until(pilot, lambda: len(copied) == 3)
        assert copied[2].startswith(
            f'torc user-data update {lab.ids["config"]} --data \'{{"lr":0.1'
        )
        assert pilot.app.last_line == copied[2]  # type: ignore[attr-defined]  # a TorcApp


async def test_large_value_is_copied_to_a_file(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    lab.write("metrics", "x" * 200_000)
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot, "metrics")
        await pilot.press("y")
        await until(pilot, lambda: list(tmp_path.glob("torc-metrics-*.json")))
        file = next(tmp_path.glob("torc-metrics-*.json"))
        await until(pilot, lambda: file.stat().st_size > 200_000)
        assert len(json.loads(file.read_text())) == 200_000


async def test_the_schema_is_shown_and_checked(lab: Lab) -> None:
    lab.write("config", {"lr": 5})
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await until(pilot, sees(pilot, "✖ 1 violation", ".lr: 5 is more than 1"))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        await until(pilot, sees(pilot, '"maximum": 1'))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 60)])
async def test_any_size(lab: Lab, size: tuple[int, int]) -> None:
    async with lab.app().run_test(size=size) as pilot:
        await until(pilot, lambda: screen(pilot).view is not None)
        await pilot.press("4", "4")
        await until(pilot, sees(pilot, "config"))
        await opened_here(pilot)
        await pilot.press("enter")
        await until(pilot, sees(pilot, "lr: 0.1"))
        await pilot.press("e")
        await until(pilot, sees(pilot, '"lr": 0.1', "valid JSON"))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, DataVersions))
        await until(pilot, sees(pilot, "versions of config", "ada@here"))
        await pilot.resize_terminal(30, 8)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))


async def opened_here(pilot: Pilot[int]) -> None:
    data = pane(pilot)
    data.table.focus()
    await until(pilot, lambda: data.value_view.record is not None)


# -- live ------------------------------------------------------------------------------------------


async def test_update_keeps_the_path(lab: Lab) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        data = await opened(pilot)
        tree(pilot).show_path(("layers", 2, "units"))
        lab.write("config", {"new": 1, "lr": 0.2, "layers": [1, 2, {"units": 9}]}, job="train")
        await until(
            pilot,
            lambda: data.value_view.record is not None and data.value_view.record["version"] == 2,
        )
        assert tree(pilot).path == ("layers", 2, "units")
        await until(pilot, sees(pilot, "units: 9", "version 2 by train (run 1, attempt 1)"))


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[DataPane]:
    """Return a list that grows with each call of a method of the pane."""
    calls: list[DataPane] = []
    method = getattr(DataPane, name)

    def call(pane: DataPane, *arguments: Any) -> None:
        calls.append(pane)
        method(pane, *arguments)

    monkeypatch.setattr(DataPane, name, call)
    return calls


async def test_many_writes_need_few_readings(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        data = await opened(pilot)
        lists, values = counted(monkeypatch, "_take_records"), counted(monkeypatch, "_take_value")
        begin = time.monotonic()
        for number in range(200):
            lab.write("config", {"lr": number})
        await until(
            pilot,
            lambda: data.value_view.record is not None and data.value_view.record["version"] == 201,
        )
        allowed = (time.monotonic() - begin) / data_pane.APART + 3
        assert 0 < len(lists) <= allowed and 0 < len(values) <= allowed
        values.clear()
        lab.write("metrics", 1)
        await until(pilot, lambda: data.records[lab.ids["metrics"]]["version"] == 1)
        assert not values, "a value that did not change is not read again"


async def test_hidden_pane_reads_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        data = await opened(pilot)
        await pilot.press("1")
        lists = counted(monkeypatch, "_take_records")
        lab.write("config", {"lr": 1})
        view = screen(pilot).view
        assert view is not None
        await until(
            pilot, lambda: view.cursor >= feed.list_events(lab.store, lab.workflow_id)[-1].seq
        )
        assert not lists and data.stale
        await pilot.press("4", "4")
        await until(pilot, lambda: lists)


async def test_a_record_that_is_deleted_by_another(lab: Lab) -> None:
    async with lab.app().run_test(size=(160, 40)) as pilot:
        data = await opened(pilot)
        user_data_records.delete(lab.raw, lab.ids["config"], user_data.Author(time.time()))
        await until(pilot, lambda: lab.ids["config"] not in data.records)
        await until(
            pilot,
            lambda: data.value_view.record is None or data.value_view.record["name"] != "config",
        )


# -- editing ---------------------------------------------------------------------------------------


async def test_edit_review_save(lab: Lab) -> None:
    async with lab.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await edited(pilot, '{"lr": 0.2}')
        await until(pilot, sees(pilot, "valid JSON, matches its schema"))
        await pilot.press("ctrl+s")
        await until(
            pilot,
            sees(pilot, "3 changes to version 1", "~ .lr: 0.1 → 0.2", "- .note", "+++ as edited"),
        )
        assert lab.version("config") == 1
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert lab.value("config") == {"lr": 0.2}
        event = feed.list_events(lab.store, lab.workflow_id)[-1]
        assert event.kind == "user_data_updated" and event.actor and "@" in event.actor
        assert pilot.app.last_line == (  # type: ignore[attr-defined]  # a TorcApp
            f"torc user-data update {lab.ids['config']} --data '{{\"lr\":0.2}}'"
        )


async def test_errors_prevent_saving(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, '{\n  "lr": 0.2,,\n}')
        await until(pilot, sees(pilot, "✖ line 2, column 13:"))
        assert found.field is not None and found.field.wrong is not None
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "not saved: line 2"))
        assert found.field.cursor_location == (1, 12)
        assert pilot.app.screen is found and lab.version("config") == 1
        await pilot.press("backspace", "delete")
        found.field.text = '{"lr": 1}'
        await until(pilot, lambda: found.field is not None and found.field.wrong is None)


async def test_check_while_typing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = data_review.examine

    def examine(*given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return real(*given)

    monkeypatch.setattr(data_editor, "examine", examine)
    monkeypatch.setattr(data_editor, "PATIENCE", 0.3)
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, '"')
        await until(pilot, lambda: threads)
        await until(pilot, lambda: found.checked is not None and found.checked.wrong is not None)
        threads.clear()
        await pilot.press("end", *"abcdefgh", '"')
        await until(pilot, lambda: found.checked is not None and found.checked.wrong is None)
        assert set(threads) == {"torc-reader"} and len(threads) <= 3


async def test_schema_violation_is_confirmed(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        await edited(pilot, '{"lr": 7}')
        await until(pilot, sees(pilot, "1 violation of its schema", ".lr: 7 is more than 1"))
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "The value violates its schema", "Save anyway"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DataEditor))
        assert lab.version("config") == 1, "enter is the sanitize answer"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
        await pilot.press("y")
        await until(pilot, lambda: lab.version("config") == 2)
    told = [
        readable(event.data)["message"]
        for event in feed.list_events(lab.store, lab.workflow_id, kind="user_data_warning")
    ]
    assert told == ["user data config does not follow its schema: .lr: 7 is more than 1"]


async def test_a_change_that_makes_no_job_stale(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        await edited(pilot, '{"lr": 0.7}')
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
        await until(pilot, sees(pilot, "changes to version 1", "No job becomes stale."))
        assert "rerun" not in screen_text(pilot).split("No job becomes stale.")[1]


async def test_half_a_surrogate_pair(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        await edited(pilot, '["\\ud800"]')
        await until(pilot, sees(pilot, "line 1, column 3: half of a character"))


@pytest.mark.parametrize(
    ("key", "value", "version"),
    [("o", {"lr": 0.3}, 3), ("t", {"lr": 0.9}, 2), ("n", {"lr": 0.9}, 2)],
)
async def test_edit_conflict(lab: Lab, key: str, value: Any, version: int) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, '{"lr": 0.3}')
        lab.write("config", {"lr": 0.9}, job="train")
        await until(pilot, sees(pilot, "train saved version 2"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
        await pilot.press("y")
        await until(pilot, sees(pilot, "has changed", "~ .lr: 0.9 → 0.3", "Version 2", "by train"))
        await pilot.press(key)
        if key == "o":
            await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        else:
            await until(pilot, lambda: pilot.app.screen is found)
            shown = '"lr": 0.9' if key == "t" else '"lr": 0.3'
            await until(pilot, sees(pilot, shown))
            assert (found.record["version"] == 2) is (key == "t")
        assert lab.value("config") == value and lab.version("config") == version


async def test_overwritten_version_reruns_the_jobs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice to rerun jobs is kept when theirs is overwritten."""
    stale = JobVerdict(lab.jobs["train"], "train", RerunDecision.RUN, True)
    monkeypatch.setattr("torc_tui.operations.rerun.stale_after_edit", lambda *_: [stale])
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, '{"lr": 0.3}')
        lab.write("config", {"lr": 0.9}, job="train")
        await until(pilot, sees(pilot, "train saved version 2"))
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "r Save and rerun 1 job"))
        await pilot.press("r")
        await until(pilot, sees(pilot, "has changed"))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert list(found.rerun) == [stale.id]


async def begin_merge(pilot: Pilot[int], lab: Lab, mine: Any, theirs: Any) -> DataEditor:
    """Edit a value while a job writes another one, and merge."""
    found = await edited(pilot, json.dumps(mine))
    lab.write("config", theirs, job="train")
    await until(pilot, sees(pilot, "train saved version 2"))
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
    await pilot.press("y")
    await until(pilot, sees(pilot, "has changed", "m Merge"))
    await pilot.press("m")
    return found


async def test_merge_without_conflict(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40), notifications=True) as pilot:
        found = await begin_merge(pilot, lab, {"lr": 0.1, "mine": 1}, {"lr": 0.9})
        await until(pilot, lambda: pilot.app.screen is found)
        await until(pilot, sees(pilot, '"lr": 0.9', '"mine": 1', "merged with 1 change of theirs"))
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "1 change to version 2", "+ .mine: 1"))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert lab.value("config") == {"lr": 0.9, "mine": 1} and lab.version("config") == 3


async def test_merge_with_conflicts(lab: Lab) -> None:
    mine = {"lr": 0.3, "a": "mine", "new": 1}
    theirs = {"lr": 0.9, "a": "theirs", "other": 2}
    async with lab.app().run_test(size=(120, 40), notifications=True) as pilot:
        found = await begin_merge(pilot, lab, mine, theirs)
        await until(pilot, sees(pilot, "Merge config", "2 conflicts to decide", "+ .other: 2",
                                "+ .new: 1", "base   0.1"))  # fmt: skip
        await pilot.press("y")
        await until(pilot, sees(pilot, "choose mine, theirs or base for each conflict first"))
        await pilot.press("t")
        await until(pilot, sees(pilot, "1 conflict to decide", "base   (not there)"))
        await pilot.press("m")
        await until(pilot, sees(pilot, "all conflicts decided"))
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.screen is found)
        await until(pilot, sees(pilot, '"lr": 0.9', '"a": "mine"', '"new": 1', '"other": 2'))
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "2 changes to version 2"))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert lab.value("config") == {"lr": 0.9, "a": "mine", "new": 1, "other": 2}


async def test_a_merge_is_left(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await begin_merge(pilot, lab, {"lr": 0.3}, {"lr": 0.9})
        await until(pilot, sees(pilot, "1 conflict to decide"))
        await pilot.press("B", "escape")
        await until(pilot, sees(pilot, "has changed", "m Merge"))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is found)
        await until(pilot, sees(pilot, '"lr": 0.3'))
        assert found.record["version"] == 1 and lab.version("config") == 2


@pytest.mark.parametrize("size", [(1, 1), (40, 10), (80, 24), (200, 60)], ids=str)
async def test_sizes_of_a_merge(lab: Lab, size: tuple[int, int]) -> None:
    names = {f"{'long' * 40}{number}": number for number in range(30)}
    async with lab.app().run_test(size=(120, 40)) as pilot:
        theirs = dict.fromkeys(names, -1)
        found = await begin_merge(pilot, lab, names, theirs)
        await until(pilot, sees(pilot, "30 conflicts to decide"))
        await pilot.resize_terminal(*size)
        await pilot.press("m", "down", "up", "T", "y")
        await until(pilot, lambda: pilot.app.screen is found)
        await until(pilot, lambda: json.loads(found.text) == theirs)


async def test_screen_below_is_updated(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        await edited(pilot, '{"lr": 0.3}')
        lab.write("metrics", [1], job="train")
        await until(pilot, lambda: pane(pilot).records[lab.ids["metrics"]]["version"] == 1)


async def test_unsaved_changes_are_confirmed(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, '{"lr": 0.3}')
        await pilot.press("escape")
        await until(pilot, sees(pilot, "Leave config?"))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is found)
        await pilot.press("ctrl+q")
        await until(pilot, sees(pilot, "Leave config?"))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is found)
        await pilot.press("escape", "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert lab.version("config") == 1


async def test_format(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, '{"lr":0.3}')
        await pilot.press("ctrl+t")
        await until(pilot, lambda: found.text == '{\n  "lr": 0.3\n}')


async def test_highlighting_of_small_texts(lab: Lab) -> None:
    lab.write("metrics", "x" * HIGHLIGHTED)
    async with lab.app().run_test(size=(120, 40)) as pilot:
        found = await edited(pilot, "1")
        assert found.field is not None and found.field.language == "json"
        await pilot.press("escape", "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        await opened(pilot, "metrics")
        await pilot.press("e")
        await until(
            pilot,
            lambda: isinstance(pilot.app.screen, DataEditor) and editor(pilot).field is not None,
        )
        assert pilot.app.screen.query_one(JsonEditor).language is None


# -- $EDITOR ---------------------------------------------------------------------------------------


def writes(*texts: str) -> Callable[[Any, Path], None]:
    """Return a fake editor program that writes these texts, one per call."""
    left = list(texts)

    def run(app: Any, path: Path) -> None:
        path.write_text(left.pop(0))

    return run


async def test_the_editor_program(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_editing, "run_editor", writes('{"lr": 0.4}\n'))
    async with lab.app().run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("E")
        await until(pilot, sees(pilot, "~ .lr: 0.1 → 0.4"))
        await pilot.press("y")
        await until(pilot, lambda: lab.value("config") == {"lr": 0.4})


async def test_invalid_json_of_the_editor_program(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external_editing, "run_editor", writes('{"lr": oops}', '{"lr": 0.5}'))
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await pilot.press("E")
        await until(pilot, sees(pilot, "not saved: line 1, column 8", "kept in"))
        kept = editor(pilot).external_editing.kept
        assert kept is not None and kept.read_text() == '{"lr": oops}'
        await pilot.press("ctrl+o")
        await until(pilot, sees(pilot, "~ .lr: 0.1 → 0.5"))
        await pilot.press("y")
        await until(pilot, lambda: lab.value("config") == {"lr": 0.5})
        await until(pilot, lambda: not kept.exists())


async def test_editor_program_without_change(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_editing, "run_editor", lambda app, path: None)
    async with lab.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("E")
        await until(pilot, sees(pilot, "no changes"))
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))


async def test_missing_editor_program(lab: Lab) -> None:
    async with lab.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("E")
        await until(pilot, sees(pilot, "cannot start the editor"))
        assert isinstance(pilot.app.screen, DataEditor)


async def test_five_megabytes(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"rows": [{"id": number, "name": f"row {number}"} for number in range(150_000)]}
    lab.write("metrics", value)
    assert len(json.dumps(value)) > 5_000_000
    monkeypatch.setattr(external_editing, "run_editor", writes('{"small": 1}'))
    async with lab.app().run_test(size=(120, 40)) as pilot:
        await opened(pilot, "metrics")
        shown = tree(pilot)
        shown.show_path(("rows", 149_999, "name"))
        assert shown.path == ("rows", 149_999, "name") and len(shown.order) < 1000
        shown.focus()
        await pilot.press("e")
        await until(
            pilot,
            lambda: isinstance(pilot.app.screen, DataEditor) and pilot.app.screen.query(LargeText),
        )
        assert editor(pilot).field is None
        await until(pilot, sees(pilot, "too large to edit here"))
        await pilot.press("ctrl+o")
        await until(pilot, sees(pilot, "changes to version 1", "- .rows", "+ .small"))
        await pilot.press("y")
        await until(pilot, lambda: lab.value("metrics") == {"small": 1})


def test_the_field_takes_a_megabyte() -> None:
    assert LARGEST == 1 << 20 and HIGHLIGHTED == 64 << 10


# -- versions --------------------------------------------------------------------------------------


async def test_versions_compare_and_restore(lab: Lab) -> None:
    lab.write("config", {"lr": 0.2}, job="train")
    lab.write("config", {"lr": 0.3})
    async with lab.app().run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await pilot.press("v")
        await until(
            pilot,
            sees(
                pilot, "version 2 → version 3", "~ .lr: 0.2 → 0.3", "train", "bob@there", "ada@here"
            ),
        )
        await pilot.press("space", "down", "space")
        await until(pilot, sees(pilot, "version 1 → version 3", "~ .lr: 0.1 → 0.3"))
        await until(pilot, sees(pilot, "─ Versions 3 ─", "─ Changes ─"))
        await pilot.press("backspace", "t")
        await until(pilot, sees(pilot, '"units": 8'))
        await pilot.press("r")
        await until(
            pilot,
            sees(pilot, "Restore version 1 of config?", "becomes version 4", "~ .lr: 0.3 → 0.1"),
        )
        await pilot.press("y")
        await until(pilot, lambda: lab.version("config") == 4)
        assert lab.value("config")["layers"] == [1, 2, {"units": 8}]
        await until(pilot, lambda: len(pilot.app.screen.query_one("VirtualTable").order) == 4)  # type: ignore[attr-defined]
        assert pilot.app.last_line == f"torc user-data restore {lab.ids['config']} 1"  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))


async def test_restore_conflict(lab: Lab) -> None:
    lab.write("config", {"lr": 0.2})
    async with lab.app().run_test(notifications=True, size=(160, 40)) as pilot:
        await opened(pilot)
        await pilot.press("v")
        await until(pilot, sees(pilot, "version 1 → version 2"))
        await pilot.press("down", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
        lab.write("config", {"lr": 0.9}, job="train")
        await pilot.press("y")
        await until(pilot, sees(pilot, "is at version 3 now"))
        assert lab.value("config") == {"lr": 0.9}


# -- acts ------------------------------------------------------------------------------------------


async def test_create_clear_delete(lab: Lab) -> None:
    async with lab.app().run_test(size=(120, 40)) as pilot:
        data = await opened(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press(*"config", "enter")
        assert isinstance(pilot.app.screen, Ask), "a name that is taken"
        await pilot.press("2", "enter")
        await until(pilot, lambda: data.chosen is not None and data.chosen["name"] == "config2")
        data.table.select(lab.ids["config"])
        await pilot.press("x")
        await until(pilot, sees(pilot, "Set config to null?", "read by train"))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        await pilot.press("x", "y")
        await until(pilot, lambda: lab.value("config") is None)
        assert pilot.app.last_line == f"torc user-data update {lab.ids['config']} --data null"  # type: ignore[attr-defined]
        await until(pilot, lambda: data.records[lab.ids["config"]]["version"] == 2)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: lab.ids["config"] not in data.records)
        assert lab.ids["config"] not in {
            one["id"] for one in user_data_records.overview(lab.raw, lab.workflow_id)
        }


@pytest.mark.parametrize("key", ["e", "E", "a", "x", "d"])
async def test_read_only_refuses(lab: Lab, key: str) -> None:
    async with lab.app(read_only=True).run_test(notifications=True, size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press(key)
        await until(pilot, sees(pilot, "the app is read-only"))
        assert isinstance(pilot.app.screen, WorkflowScreen) and lab.version("config") == 1


async def test_deeply_nested_value(lab: Lab) -> None:
    with lab.store.write() as conn:
        execute(
            conn,
            "UPDATE user_data SET data = ?, version = 1 WHERE id = ?",
            ("[" * 100_000 + "]" * 100_000, lab.ids["metrics"]),
        )
    async with lab.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await opened(pilot)
        data = pane(pilot)
        data.table.select(lab.ids["metrics"])
        await until(pilot, sees(pilot, "nested too deeply"))
        data.table.select(lab.ids["config"])
        await until(pilot, lambda: tree(pilot).order[:1] == [TreePlace(())])
