"""Slurm, asked by stand-ins of its commands: what they get, and what becomes of their answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from torc_tui.clusters import commands
from torc_tui.clusters.base import AllocationRequest, ClusterRefused, ClusterSilent
from torc_tui.clusters.slurm_client import Slurm
from torc_tui.clusters.slurm_script import batch_script
from torc_tui.errors import UsageError
from torc_tui.resources.allocation_states import AllocationState

REQUEST = AllocationRequest(
    name="torc-wf1",
    comment="torc:abc:1",
    directory="/home/me/my work",
    output="/home/me/100%/slurm_%j.out",
    walltime=90_061,
    runner=("/opt/torc", "run", "1", "--allocation", "1"),
    cpus=2,
    memory=(1 << 30) + 1,
    gpus="gpu:a100:1",
    account="x",
    options=("--constraint=cpu", "--exclusive"),
    commands=("module load python",),
    environ=(("TORC_DATABASE", "/home/me/a b.db"),),
)


def bin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_script_holds_the_request() -> None:
    text = batch_script(REQUEST)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    options = [line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH" in line]
    for expected in (
        '--chdir="/home/me/my work"',
        "--output=/home/me/100%%/slurm_%j.out",
        "--time=1-01:01:01",
        "--mem=1025M",
        "--gres=gpu:a100:1",
        "--no-requeue",
    ):
        assert expected in options
    assert options[-2:] == ["--constraint=cpu", "--exclusive"]
    assert "export TORC_DATABASE='/home/me/a b.db'" in text
    assert text.rstrip().endswith("--kill-on-bad-exit=0 /opt/torc run 1 --allocation 1")


def test_line_break_is_refused() -> None:
    with pytest.raises(UsageError, match="line break"):
        batch_script(REQUEST._replace(account="x\n#SBATCH --nodes=99"))
    with pytest.raises(UsageError, match="line break"):
        batch_script(REQUEST._replace(options=("--a\nrm -rf /",)))


def test_submission_strips_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    bin_with(
        tmp_path,
        monkeypatch,
        sbatch=f"env > {seen}; cat > {tmp_path}/script; echo hello; echo 4711",
        scontrol="echo 'ClusterName             = big'",
    )
    monkeypatch.setenv("SBATCH_ACCOUNT", "wrong")
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "1")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    assert Slurm().submit(REQUEST) == ("4711", "big")
    environ = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert "SBATCH_ACCOUNT" not in environ and "SLURM_MEM_PER_CPU" not in environ
    assert environ["SLURM_CONF"] == "/etc/slurm.conf"
    assert (tmp_path / "script").read_text() == batch_script(REQUEST)


def test_refusal_has_the_words_of_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "Invalid account or account/partition combination specified"
    bin_with(
        tmp_path,
        monkeypatch,
        sbatch=f"echo 'sbatch: error: Batch job submission failed: {reason}' >&2; exit 1",
        scontrol="exit 1",
    )
    with pytest.raises(ClusterRefused) as refused:
        Slurm().submit(REQUEST)
    assert refused.value.message == f"Slurm refused the request: {reason}"
    assert "--account" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            "echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller"
            " (connect failure)' >&2; exit 1",
            id="unreachable",
        ),
        pytest.param("echo 'Socket timed out on send/recv operation' >&2; exit 1", id="timeout"),
        pytest.param("echo thank you", id="no id"),
        pytest.param("exec sleep 100", id="hangs"),
    ],
)
def test_silence_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    bin_with(tmp_path, monkeypatch, sbatch=script, scontrol="exit 1")
    monkeypatch.setattr(commands, "TIMEOUT_SECONDS", 0.5)
    with pytest.raises(ClusterSilent):
        Slurm().submit(REQUEST)


def test_missing_commands_are_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for ask in (Slurm().look, Slurm().partitions):
        with pytest.raises(ClusterSilent, match="cannot run"):
            ask()
    assert Slurm().ended(["1"]) == {}
    assert Slurm().estimate(REQUEST) is None


def test_look_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    bin_with(
        tmp_path,
        monkeypatch,
        squeue=f"echo \"$@\" >> {calls}; echo '7|RUNNING|1|2|n1|c|None'",
    )
    found = Slurm().look()
    assert found["7"].state is AllocationState.RUNNING
    assert len(calls.read_text().splitlines()) == 1
    assert "--json" not in calls.read_text()


def test_failed_look_is_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_with(tmp_path, monkeypatch, squeue="echo 'slurm_load_jobs error: gone' >&2; exit 1")
    with pytest.raises(ClusterSilent, match="gone"):
        Slurm().look()


def test_canceling_none_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    Slurm().cancel([])
