"""Sentences about the machine and database of a runner."""

from __future__ import annotations

import pytest

from torc_tui.reasons import Kind, Reason, because
from torc_tui.wording import moment, sentence

LACK = because(Kind.START_SHORTAGE, lack="disk", directory="/work")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            because(Kind.START_SHORTAGE, lack="files", limit="64"),
            "no file descriptors are left (ulimit -n is 64)",
        ),
        (because(Kind.START_SHORTAGE, lack="processes"), "no more processes can be started"),
        (
            because(Kind.STARTS_FAIL, lack=LACK),
            "cannot start more jobs: no space is left on the disk of /work; retrying",
        ),
        (
            because(Kind.DATABASE_AWAY, error="t.db is locked", limit=1200.0, running=True),
            "t.db is locked: running jobs continue; retrying for 20 min",
        ),
        (
            because(Kind.DATABASE_AWAY, error="t.db is locked", limit=60.0),
            "t.db is locked: retrying for 1 min",
        ),
        (
            because(Kind.DATABASE_BACK, seconds=75.0),
            "the database is available again, after 1 min 15 s",
        ),
        (
            because(Kind.ACTION_FAILED, trigger="on_start", command="false", code=1, log="a.log"),
            "the action on_start failed: false: exit 1, see a.log",
        ),
        (
            because(Kind.RECORDING_FAILED, error="KeyError: 3"),
            "internal error while recording files (KeyError: 3): jobs continue, but `torc plan` may"
            " not know their state; please report it",
        ),
        (
            because(Kind.ACTION_FAILED, trigger="on_start", command="x", code=126, error="no x"),
            "the action on_start failed: x: no x",
        ),
        (
            because(Kind.GPU_SILENT, index=1, uuid="GPU-1", error="GPU is lost"),
            "GPU 1 (GPU-1) does not answer (GPU is lost); it is not used",
        ),
        (because(Kind.GPU_BACK, index=1), "GPU 1 answers again"),
        (
            because(Kind.GPU_DRIVER, error="code 999"),
            "the NVIDIA driver fails; no NVIDIA GPU is used (code 999)",
        ),
        (
            because(Kind.GPU_SET_ASIDE, gpu=(3, None), problem="failures", until=7200.0),
            f"GPU 3 is not used until {moment(7200)}: jobs failed there repeatedly",
        ),
        (
            because(Kind.GPU_SET_ASIDE, gpu=(3, None), problem="suspected"),
            "GPU 3 is not used: jobs failed there repeatedly",
        ),
        (
            because(Kind.GPU_SET_ASIDE, gpu=(3, None), problem="user", user="anna"),
            "GPU 3 is not used: anna set it aside (undo with `torc gpu use 3`)",
        ),
        (
            because(Kind.GPU_SET_ASIDE, gpu=(0, "MIG-1c2d"), problem="xid", number=79),
            "GPU 0 (MIG-1c2d) is not used: the driver reported the fatal error Xid 79"
            " (undo with `torc gpu use MIG-1c2d`)",
        ),
        (because(Kind.GPU_USED_AGAIN, gpu=(3, None)), "GPU 3 is back in use"),
        (
            because(Kind.GPU_USED_AGAIN, gpu=(3, None), user="anna"),
            "GPU 3 is back in use (put back by anna)",
        ),
        (because(Kind.GPUS_TOO_FEW, requested=5, usable=2), "5 GPUs requested, 2 usable here"),
    ],
)
def test_notices(reason: Reason, expected: str) -> None:
    assert sentence(reason) == expected
