"""Set GPUs of this machine aside, and put them back into use.

Input: GPUs by index or UUID, as in nvidia-smi. Output: a decision that all runners of this machine
respect.
"""

from __future__ import annotations

import os
import time
from math import inf
from typing import Any

from torc_tui.cli.call import Call
from torc_tui.errors import UsageError
from torc_tui.operations import gpu_health
from torc_tui.operations.gpu_health import SharedHealth
from torc_tui.resources.gpu_reading import GpuReading
from torc_tui.resources.gpu_service import read_once
from torc_tui.resources.host_ledger import Ledger, LedgerUnavailable
from torc_tui.wording import listed, moment, sentence


def avoid(call: Call) -> None:
    """Set GPUs aside."""
    shared, gpus, _ = _find(call)
    span = call.options.time
    until = inf if span is None else time.time() + span
    try:
        gpu_health.avoid(shared, gpus, until)
    except LedgerUnavailable as error:
        raise UsageError(sentence(error.reason)) from None
    end = "until `torc gpu use`" if span is None else f"until {moment(until)}"
    record: dict[str, Any] = {"gpus": list(gpus), "until": None if span is None else until}
    call.done(record, f"{_names(gpus)} set aside {end}; running jobs are not stopped")


def use(call: Call) -> None:
    """Put GPUs back into use."""
    shared, gpus, reading = _find(call)
    try:
        lifted = gpu_health.use(shared, gpus, reading)
    except LedgerUnavailable as error:
        raise UsageError(sentence(error.reason)) from None
    again = {uuid: index for uuid, index in gpus.items() if lifted[uuid]}
    texts = [f"{_names(again)} back in use"] if again else []
    if others := {uuid: index for uuid, index in gpus.items() if uuid not in again}:
        texts.append(f"{_names(others)} not set aside")
    call.done({"gpus": list(gpus), "used_again": list(again)}, "; ".join(texts))


def _find(call: Call) -> tuple[SharedHealth, dict[str, int], GpuReading]:
    """Return the shared health, and the GPUs that the command names."""
    hiding = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
    reading = read_once({name: text for name, text in os.environ.items() if name not in hiding})
    store = None if call.missing_store is not None else call.store
    shared = SharedHealth(Ledger("" if store is None else store.url), store)
    words = [word for words in call.options.gpus for word in words.split(",") if word]
    return shared, gpu_health.find(words, reading, shared.load()), reading


def _names(gpus: dict[str, int]) -> str:
    """Return GPUs as the subject of a sentence: ``GPUs 0 and 2 are``."""
    names = sorted(map(str, gpus.values()))
    return f"GPU {names[0]} is" if len(names) == 1 else f"GPUs {listed(names, len(names))} are"
