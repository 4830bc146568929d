"""Search, bundle and analyze the output of the jobs of a workflow.

Input: a workflow, and for the analysis also a directory or a bundle. Output: lines, or a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, print_stderr
from torc_tui.cli.job_filters import named_jobs
from torc_tui.cli.logs import chosen_streams
from torc_tui.errors import UsageError
from torc_tui.operations.log_bundle import analyze, analyze_logs, log_name, write_bundle
from torc_tui.operations.log_search import LogSearchLine, chosen_logs, search_logs
from torc_tui.operations.stderr_tail import end_of_file
from torc_tui.patterns import Pattern, PatternError
from torc_tui.views.failure_signature import TAIL, Log
from torc_tui.wording import count, kind_words

_LONGEST = 120
"""Characters of a line in an analysis."""


def search(call: Call) -> int:
    """Print the lines that match; exit code 1 if there are none."""
    options = call.options
    try:
        pattern = Pattern(options.grep)
        found = _search(call, pattern)
    except PatternError as error:
        raise UsageError(f"--grep {options.grep!r}: {error}") from None
    return OK if found else FAILED


def _search(call: Call, pattern: Pattern) -> bool:
    options = call.options
    ids = named_jobs(call, options.words, options.workflow)
    workflow = f"{_workflow_of(call, ids[0])}" if ids else options.workflow
    logs = chosen_logs(
        call.store, call.workflow_id(workflow), failed=options.failed, group=options.group
    )
    streams = chosen_streams(options)
    found = search_logs(
        [one for one in logs if not ids or one.job_id in ids], pattern, options.context or 0
    )
    lines = (line for line in found if line.stream in streams)
    if options.files_with_matches:
        names = list(dict.fromkeys(line.attempt.job for line in lines if line.is_match))
        if call.json:
            output.json_value(names)
        else:
            for name in names:
                output.line(name)
        return bool(names)
    if call.json:
        records = [_record(line) for line in lines]
        output.json_value(records)
        return bool(records)
    any_found = False
    for line in lines:
        mark = ":" if line.is_match else "-"
        output.line(f"{line.attempt.job} {line.stream}{mark}{line.line}{mark}{line.text}")
        any_found = True
    return any_found


def _workflow_of(call: Call, job_id: int) -> int:
    from torc_tui.store import queries

    return int(queries.get_job(call.store, job_id)["workflow_id"])


def _record(line: LogSearchLine) -> dict[str, object]:
    return {
        "job_id": line.attempt.job_id,
        "job": line.attempt.job,
        "attempt_id": line.attempt.attempt_id,
        "stream": line.stream,
        "path": line.path,
        "line": line.line,
        "offset": line.offset,
        "text": line.text,
        "is_match": line.is_match,
    }


def bundle(call: Call) -> None:
    """Write the logs of a workflow, and what explains them, into one file without secrets."""
    options = call.options
    workflow_id = call.workflow_id(_only_word(call) or options.workflow)
    logs = chosen_logs(
        call.store, workflow_id, failed=options.failed, group=options.group, every_attempt=True
    )
    path = Path(options.output or ".")
    if path.is_dir():
        path /= f"wf{workflow_id}.tar.gz"
    number = write_bundle(call.store, workflow_id, logs, path)
    record = {"workflow_id": workflow_id, "path": str(path), "logs": number}
    call.done(record, f"Wrote {count(number, 'log')} of workflow {workflow_id} to {path}")


def analysis(call: Call) -> None:
    """Print the error of each log of a workflow, a directory or a bundle, and their kinds."""
    given = _only_word(call)
    if given is not None and ("/" in given or Path(given).exists()):
        of = call.options.workflow
        if of is not None and not of.isdecimal():
            raise UsageError("-w needs the id of a workflow here")
        number, errors = analyze(Path(given), None if of is None else int(of))
    else:
        logs = {}
        workflow_id = call.workflow_id(given or call.options.workflow)
        for attempt in chosen_logs(call.store, workflow_id):
            for stream, path in attempt.streams:
                data, start = end_of_file(path, TAIL)
                name = log_name(path)
                if name is not None and data:
                    logs[name] = Log(data, start, stream)
        number, errors = len(logs), analyze_logs(logs)
    if call.json:
        records = [one.log._asdict() | one._asdict() for one in errors]
        output.json_value([{k: v for k, v in record.items() if k != "log"} for record in records])
        return
    for one in errors:
        place = f":{one.line}" if one.line else ""
        kind = f"[{kind_words(one.kind)}] " if one.kind else ""
        output.line(f"{one.log.file}{place}: {kind}{one.text[:_LONGEST]}")
    print_stderr(f"{count(len(errors), 'log')} of {number} with an error")
    kinds = Counter(kind_words(one.kind) or one.error or "other" for one in errors)
    for kind, amount in kinds.most_common():
        print_stderr(f"  {amount} × {kind}")


def _only_word(call: Call) -> str | None:
    """Return the word after ``bundle`` or ``analyze``."""
    words = call.options.words[1:]
    if len(words) > 1:
        raise UsageError(f"unexpected argument {words[1]!r}")
    return words[0] if words else None


TOOLS: Mapping[str, Callable[[Call], int | None]] = {
    "--grep": search,
    "bundle": bundle,
    "analyze": analysis,
}
