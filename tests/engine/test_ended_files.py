"""Files of ended attempts: exit files go to the executor, empty logs wait for a quiet moment."""

from __future__ import annotations

from pathlib import Path

from torc_tui.engine.ended_files import QUIET_SECONDS, EndedFiles, left_files, remove_left


class Discarded(list[str]):
    """An executor that only keeps the exit files it is given."""

    def discard(self, exit_files: list[str]) -> None:
        self.extend(exit_files)


def files_of(folder: Path, number: int, stderr: str = "", stdout: str = "") -> tuple[str, str, str]:
    out, err, end = (folder / f"j{number}.{kind}" for kind in ("o", "e", "exit"))
    out.write_text(stdout)
    err.write_text(stderr)
    return str(out), str(err), str(end)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_empty_logs_wait_while_jobs_start(tmp_path):
    executor = Discarded()
    ended = EndedFiles(executor)  # type: ignore[arg-type]
    ended.add(*files_of(tmp_path, 1), delete_logs=False)
    ended.remove_some(100.0, started=True)
    assert executor == [str(tmp_path / "j1.exit")]
    ended.remove_some(100.0 + QUIET_SECONDS / 2, started=False)
    assert names(tmp_path) == ["j1.e", "j1.o"]
    ended.remove_some(100.0 + QUIET_SECONDS, started=False)
    assert names(tmp_path) == ["j1.o"]
    assert len(executor) == 1


def test_end_of_the_run(tmp_path):
    ended = EndedFiles(Discarded())  # type: ignore[arg-type]
    ended.add(*files_of(tmp_path, 1), delete_logs=False)
    ended.add(*files_of(tmp_path, 2, stderr="text"), delete_logs=False)
    ended.remove_some(100.0, started=True)
    ended.remove_empty()
    assert names(tmp_path) == ["j1.o", "j2.e", "j2.o"]


def test_logs_that_are_not_kept_go_at_once(tmp_path):
    """They take space."""
    ended = EndedFiles(Discarded())  # type: ignore[arg-type]
    ended.add(*files_of(tmp_path, 1, "text", "text"), delete_logs=True)
    ended.remove_some(100.0, started=True)
    assert names(tmp_path) == []


def test_what_a_lost_runner_has_left(tmp_path):
    folder = tmp_path / "job_stdio"
    folder.mkdir()
    for name in ("j1_r1_a1.e", "j1_r1_a1.exit", "j2_r1_a1.e", "j3_r1_a1.e", "j3_r1_a1.exit.sh"):
        (folder / f"job_wf1_{name}").touch()
    (folder / "job_wf1_j2_r1_a1.e").write_text("text")
    (folder / "job_wf2_j1_r1_a1.e").touch()
    left = left_files(str(tmp_path), 1)
    (folder / "job_wf1_j4_r1_a1.e").touch()  # of an attempt that has begun since
    remove_left(left, 1, [(3, 1)])
    assert names(folder) == [
        "job_wf1_j2_r1_a1.e",
        "job_wf1_j3_r1_a1.e",
        "job_wf1_j3_r1_a1.exit.sh",
        "job_wf1_j4_r1_a1.e",
        "job_wf2_j1_r1_a1.e",
    ]
