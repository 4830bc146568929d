"""Read what a runner may use from the options of ``torc run`` and the settings ``client.run.*``."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from torc_tui import settings
from torc_tui.cli.call import Call
from torc_tui.engine.report import RunOptions
from torc_tui.errors import SettingsError
from torc_tui.resources.gpu_presence import WAIT_SECONDS

_PRESET = ("num_cpus", "memory_gb", "num_gpus", "max_parallel_jobs", "grace")
"""Options that the settings ``client.run.*`` may give."""
_PASSED_ON = (
    *_PRESET,
    *("time_limit", "output_dir", "gpu_foreign", "gpu_wait", "virtual_gpus"),
    *("on_oom", "on_timeout"),
)
"""Options of a runner in the background."""


def options_of(call: Call) -> RunOptions:
    """Return what the runner may use: by the options, else the settings ``client.run.*``."""
    given = call.options
    preset = settings.load()

    def value(name: str) -> Any:
        own = getattr(given, name)
        return preset.get(f"client.run.{name}") if own is None else own

    foreign = value("gpu_foreign") or "avoid"
    if foreign not in settings.CHOICES["client.run.gpu_foreign"]:
        raise SettingsError(settings.wrong_choice("client.run.gpu_foreign", foreign))
    folder = value("output_dir")
    gpu_wait = value("gpu_wait")
    return RunOptions(
        **{name: value(name) for name in _PRESET},
        time_limit=given.time_limit,
        end_time=given.end_time,
        output_dir=None if folder is None else os.path.abspath(os.path.expanduser(folder)),  # noqa: PTH100, PTH111
        limit_resources=not given.no_limit_resources,
        gpu_foreign=foreign,
        gpus_by_index=given.gpu_by_index,
        gpu_wait=WAIT_SECONDS if gpu_wait is None else gpu_wait,
        virtual_gpus=given.virtual_gpus,
        on_oom=given.on_oom,
        on_timeout=given.on_timeout,
    )


def arguments_of(options: RunOptions) -> list[str]:
    """Return the options as words of ``torc run``, for a runner in the background."""
    arguments = []
    for name in _PASSED_ON:
        value = getattr(options, name)
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    if options.end_time is not None:
        arguments += ["--end-time", datetime.fromtimestamp(options.end_time).isoformat()]
    if options.gpus_by_index:
        arguments.append("--gpu-by-index")
    return arguments if options.limit_resources else [*arguments, "--no-limit-resources"]
