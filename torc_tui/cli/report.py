"""Write a report on a workflow: one file that needs no network.

Input: a workflow. Output: HTML, Markdown or JSON.
"""

from __future__ import annotations

import sys

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import version_text
from torc_tui.cli.terminal_text import json_text
from torc_tui.operations.workflow_report import workflow_report


def report(call: Call) -> None:
    """Write the report in the format of the call."""
    options = call.options
    found = workflow_report(
        call.store, call.workflow_id(options.workflow), f"torc {version_text()}"
    )
    if call.format == "json":
        from torc_tui.views.report_record import record

        text = json_text(record(found), indent=None) + "\n"
    elif call.format == "md":
        from torc_tui.views.report_markdown import markdown

        text = markdown(found)
    else:
        from torc_tui.views.report_html import html

        text = html(found)
    output.document(text, options.output or _file(call, found.workflow.id))


def _file(call: Call, workflow_id: int) -> str | None:
    """Return the file of a page that nobody wants to see on a terminal; None elsewhere."""
    if call.format != "html" or not sys.stdout.isatty():
        return None
    return f"torc_report_wf{workflow_id}.html"
