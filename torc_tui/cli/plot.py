"""Plot what jobs and machines used over time, and requested and used of job groups as bars.

Input: jobs, or a workflow. Output: a chart as text, SVG or HTML, or its numbers as CSV or JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from torc_tui.cli import output, targets
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import note
from torc_tui.cli.job_filters import named_jobs
from torc_tui.cli.terminal_text import is_id, json_text
from torc_tui.errors import NotFound, UsageError
from torc_tui.operations.usage_plots import attempt_plot, machine_plots
from torc_tui.store import queries, workflows
from torc_tui.store.job_use import workflow_use
from torc_tui.views import usage_svg, usage_text
from torc_tui.views.ansi import one_line
from torc_tui.views.resource_use import GroupUse, by_group
from torc_tui.views.usage_plot import UsagePlot, as_record, as_rows

_WIDTH = 100
"""Columns of a chart where no terminal gives them."""
_MOST = 50
"""Jobs that are plotted at once."""


def plot(call: Call) -> None:
    """Plot jobs, the machines of a workflow, or its job groups."""
    options = call.options
    if options.machine:
        if len(options.words) > 1:
            raise UsageError("--machine takes one workflow")
        given = options.words[0] if options.words else options.workflow
        workflow_id = call.workflow_id(given)
        plots = machine_plots(call.store, workflow_id)
        if not plots:
            raise NotFound(
                f"no machine of workflow {workflow_id} was measured",
                hint="the machine of a runner is measured from the first second on",
            )
        _show_plots(call, plots, f"machines of workflow {workflow_id}")
    elif options.workflow is None and (not options.words or _is_workflow(call)):
        _plot_groups(call, call.workflow_id(options.words[0] if options.words else None))
    else:
        _plot_jobs(call)


def _is_workflow(call: Call) -> bool:
    """Return whether the only word is a workflow; of a name, a workflow comes first."""
    if len(call.options.words) != 1:
        return False
    word = call.options.words[0]
    if not is_id(word):
        return targets.is_workflow(call.store, word)
    try:
        workflows.get_workflow(call.store, int(word))
    except NotFound:
        return False
    return True


def _plot_jobs(call: Call) -> None:
    options = call.options
    ids = named_jobs(call, options.words, options.workflow)
    if not ids:
        raise UsageError("name the jobs to plot", hint="`torc plot -w WORKFLOW JOB…`")
    if len(ids) > _MOST:
        raise UsageError(f"{len(ids)} jobs are too many for one plot; name at most {_MOST}")
    plots, without = [], []
    for job_id in ids:
        found = attempt_plot(call.store, job_id, run_id=options.run_id, attempt_id=options.attempt)
        if found is None:
            without.append(f"{queries.get_job(call.store, job_id)['name']} (job {job_id})")
        else:
            plots.append(found)
    if not plots:
        raise NotFound(
            f"no measures over time of {', '.join(without)}",
            hint="they are kept for attempts of at least 30 s, of the last two runs",
        )
    for name in without:
        note(f"no measures over time of {name}")
    _show_plots(call, plots, plots[0].title)


def _show_plots(call: Call, plots: list[UsagePlot], title: str) -> None:
    if call.format == "json":
        _write(call, json_text([as_record(one) for one in plots]) + "\n")
    elif call.format == "csv":
        _write(call, _csv(row for one in plots for row in as_rows(one)))
    elif call.format == "text":
        width = output.terminal_width() or _WIDTH
        lines = [usage_text.plot_lines(one, width, plain=not output.unicode()) for one in plots]
        _write(call, "\n\n".join("\n".join(one) for one in lines) + "\n")
    else:
        _write_picture(call, [usage_svg.plot(one) for one in plots], title)


def _plot_groups(call: Call, workflow_id: int) -> None:
    use = workflow_use(call.store, workflow_id, call.options.run_id)
    groups = by_group(use.jobs, use.requirements)
    if call.format == "json":
        record = {"workflow_id": workflow_id, "groups": list(map(_group, groups))}
        _write(call, json_text(record) + "\n")
    elif call.format == "csv":
        _write(call, _csv(map(_group, groups)))
    elif not groups:
        raise NotFound(f"no job of workflow {workflow_id} has ended yet")
    elif call.format == "text":
        head = f"Workflow {workflow_id} ({one_line(use.name)}): requested and used"
        lines = usage_text.group_lines(groups, plain=not output.unicode())
        _write(call, "\n".join([head, "", *lines]) + "\n")
    else:
        title = f"workflow {workflow_id} ({one_line(use.name)}): requested and used"
        _write_picture(call, [usage_svg.bars(groups, title)], title)


def _group(one: GroupUse) -> dict[str, Any]:
    return {
        "group": one.group,
        "jobs": one.jobs,
        "resource_type": one.resource.value,
        "requested": one.requested,
        "peak": one.peak,
        "mean": one.mean,
        "share": one.share,
    }


def _write_picture(call: Call, parts: list[tuple[str, float]], title: str) -> None:
    picture = usage_svg.document(parts, title)
    if call.format == "html":
        from torc_tui.views.html_page import page

        picture = page(title, [picture])
    _write(call, picture)


def _write(call: Call, text: str) -> None:
    output.document(text, call.options.output)


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    found = list(rows)
    keys = list(dict.fromkeys(key for row in found for key in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return file.getvalue()
