"""Read what a runner may use, from options of the command line and settings, and back."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from datetime import datetime
from typing import Any

from torc_tui import settings
from torc_tui.engine.report import RunOptions
from torc_tui.errors import SettingsError
from torc_tui.resources.gpu_presence import WAIT_SECONDS
from torc_tui.resources.gpus import GpuRules
from torc_tui.units import parse_memory
from torc_tui.wording import size

_PRESET = ("num_cpus", "memory_gb", "num_gpus", "max_parallel_jobs", "grace")
"""Options that the settings ``client.run.*`` may give."""
_PASSED_ON = (
    *_PRESET,
    *("time_limit", "output_dir", "gpus", "gpu_wait", "virtual_gpus"),
    *("on_oom", "on_timeout"),
)
"""Options of a runner in the background."""

_MOST_MEMORY = 4 << 30
"""The largest ``gpu_headroom`` and ``gpu_idle_memory``."""


def options_of(given: Namespace) -> RunOptions:
    """Return what the runner may use: by the options, else the settings ``client.run.*``."""
    preset = settings.load()

    def value(name: str) -> Any:
        own = getattr(given, name, None)
        return preset.get(f"client.run.{name}") if own is None else own

    folder = value("output_dir")
    gpu_wait = value("gpu_wait")
    return RunOptions(
        **{name: value(name) for name in _PRESET},
        time_limit=value("time_limit"),
        end_time=value("end_time"),
        output_dir=None if folder is None else os.path.abspath(os.path.expanduser(folder)),  # noqa: PTH100, PTH111
        limit_resources=not value("no_limit_resources"),
        gpu_rules=_gpu_rules(value),
        gpus_by_index=bool(value("gpu_by_index")),
        gpu_wait=WAIT_SECONDS if gpu_wait is None else gpu_wait,
        virtual_gpus=value("virtual_gpus"),
        gpus=value("gpus"),
        on_oom=value("on_oom"),
        on_timeout=value("on_timeout"),
        labels=tuple(sorted(set(value("label") or ()))),
        persistent=bool(value("persistent")),
        allocation=value("allocation"),
    )


def _gpu_rules(value: Callable[[str], Any]) -> GpuRules:
    """Return the rules of placement on GPUs, by the options and settings."""
    given: dict[str, Any] = {}
    for name in ("foreign", "packing", "headroom", "idle_memory"):
        key, found = f"client.run.gpu_{name}", value(f"gpu_{name}")
        if found is None:
            continue
        if key in settings.CHOICES and found not in settings.CHOICES[key]:
            raise SettingsError(settings.wrong_choice(key, found))
        if name in ("headroom", "idle_memory"):
            found = _size(key, found)
        given[name] = found
    return GpuRules(**given)


def _size(key: str, value: Any) -> int:
    try:
        found = parse_memory(value)
    except ValueError as error:
        raise SettingsError(f"{key}: {error.args[0]}") from None
    if found > _MOST_MEMORY:
        raise SettingsError(f"{key} must be at most 4g, not {size(found)}")
    return found


def arguments_of(options: RunOptions) -> list[str]:
    """Return the options as words of ``torc run``, for a runner in the background."""
    arguments = []
    for name in _PASSED_ON:
        value = getattr(options, name)
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    if options.end_time is not None:
        arguments += ["--end-time", datetime.fromtimestamp(options.end_time).isoformat()]
    for name, value in options.gpu_rules._asdict().items():
        arguments += [f"--gpu-{name.replace('_', '-')}", str(value)]
    if options.labels:
        arguments += ["--label", ",".join(options.labels)]
    if options.persistent:
        arguments.append("--persistent")
    if options.gpus_by_index:
        arguments.append("--gpu-by-index")
    return arguments if options.limit_resources else [*arguments, "--no-limit-resources"]
