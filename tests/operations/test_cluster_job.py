"""What the log of a job of torc says last."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.operations.cluster_job import last_message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("started\ntorc: no database\n  create one\nsrun: error: n1: task 0: Exited\n", "torc: no database"),
        ("srun: error: n1: task 0: Killed\n", "srun: error: n1: task 0: Killed"),
        ("\n  only a hint\n\n", "only a hint"),
        ("x" * 9000, "x" * 200 + "…"),
        ("", ""),
    ],
)  # fmt: skip
def test_last_message(tmp_path: Path, text: str, message: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert last_message(log) == message
    assert last_message(tmp_path / "none") == ""
