"""`torc new`: a template to start from; `torc create --dry-run --commands`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.arguments import TEMPLATES

FOLDER = Path(__file__).parent.parent.parent / "torc_tui" / "templates"


def test_every_template_has_a_name() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES)
def test_runs(torc: Any, place: Path, template: str) -> None:
    answer = torc("new", template)
    assert answer.code == 0 and f"Wrote workflow.yaml ({template})" in answer.out
    ran = torc("run", "-q", *(["--num-gpus", 2] if template == "gpu" else []))
    assert ran.code == 0, ran.err


def test_schema_goes_where_a_link_points(torc: Any, place: Path) -> None:
    """The file of ``-o`` is written in place: it may be a link or a device."""
    (place / "link").symlink_to("schema.json")
    assert torc("schema", "-o", "link").code == 0
    assert (place / "link").is_symlink()
    written = json.loads((place / "schema.json").read_text())
    assert written == torc("schema", "-o", "-").json


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_schema_on_a_full_disk(torc: Any, place: Path) -> None:
    (place / "full").symlink_to("/dev/full")
    answer = torc("schema", "-o", "full")
    assert (answer.code, answer.err.count("cannot be written")) == (2, 1)


def test_default(torc: Any, place: Path) -> None:
    answer = torc("new", "-o", "mine.yaml", "-f", "json")
    assert json.loads(answer.out) == {"path": str(place / "mine.yaml"), "template": "diamond"}
    first, _, rest = (place / "mine.yaml").read_text().partition("\n")
    assert rest == (FOLDER / "diamond.yaml").read_text()
    marker = "# yaml-language-server: $schema="
    assert first.startswith(marker)
    assert json.loads(Path(first.removeprefix(marker)).read_text())["required"] == ["jobs"]


def test_refusals(torc: Any, place: Path) -> None:
    (place / "workflow.yaml").write_text("mine")
    answer = torc("new", "sweep")
    assert answer.code == 2 and "workflow.yaml already exists; no changes made" in answer.err
    assert (place / "workflow.yaml").read_text() == "mine"
    (place / "link.yaml").symlink_to("nowhere")
    assert torc("new", "-o", "link.yaml").code == 2
    assert not (place / "nowhere").exists()
    assert torc("new", "-o", "missing/w.yaml").code == 2
    answer = torc("new", "swep")
    assert answer.code == 2 and "sweep" in answer.err


def test_commands(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        """
jobs:
  - name: a_{i}
    command: |
      echo {i} > ${files.output.out_{i}}
      torc user-data update ${user_data.output.record_{i}} --data {i}
    parameters: {i: "1:2"}
files: [{name: "out_{i}", path: "out/{i}.txt", parameters: {i: "1:2"}}]
"""
    )
    answer = torc("create", "w.yaml", "--dry-run", "--commands")
    assert answer.code == 0
    assert (
        "  a_2:\n    echo 2 > out/2.txt\n"
        "    torc user-data update <id of record_2> --data 2\n" in answer.out
    )
    found = json.loads(torc("create", "w.yaml", "--dry-run", "--commands", "-f", "json").out)
    assert list(found["commands"]) == ["a_1", "a_2"]
    assert found["commands"]["a_1"].startswith("echo 1 > out/1.txt\n")
    answer = torc("create", "w.yaml", "--commands")
    assert answer.code == 2 and "--commands needs --dry-run" in answer.err
