"""Convert the values of a job to filters: status, group, exit code, parameters. No Textual."""

from __future__ import annotations

from torc_tui.model import Job
from torc_tui.views.job_parameters import parameters_of


def filter_values(job: Job) -> list[str]:
    """Return filters that match a job, the most useful first."""
    out = [f"status:{job.status.word}"]
    out += [
        f"{name}:{quoted_value(text)}"
        for name, text in parameters_of(job.values).items()
        if not set("'\"") <= set(text)  # a filter cannot contain both kinds of quotes
    ]
    if job.return_code is not None:
        out.append(f"exit:{job.return_code}")
    if job.attempt_id > 1:
        out.append(f"attempt:{job.attempt_id}")
    if job.priority:
        out.append(f"priority:{job.priority}")
    out += [f"label:{quoted_value(label)}" for label in job.labels if not set("'\"") <= set(label)]
    if job.group and job.group != job.name:
        out.append(f"group={quoted_value(job.group)}")
    return out


def quoted_value(text: str) -> str:
    """Return a text as the value of a filter, in quotes if necessary."""
    plain = text and not any(char.isspace() or char in "()'\"" for char in text)
    if plain:
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'
