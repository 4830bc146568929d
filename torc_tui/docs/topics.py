"""List and read the topics of the user documentation.

Each topic is a Markdown file in this package. Its first line is a heading, and the paragraph below
the heading says in one sentence what the topic is about.
"""

from __future__ import annotations

import os

from torc_tui.errors import NotFound

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib costs 10 ms

ORDER = (
    "workflow-files",
    "jobs",
    "batches",
    "dynamic-jobs",
    "user-data",
    "failures",
    "retries",
    "rerun",
    "resources",
    "gpus",
    "clusters",
    "allocations",
    "app",
    "database",
    "troubleshooting",
    "coming-from-torc",
    "commands",
    "settings",
    "environment",
    "exit-codes",
    "keys",
)
"""Names of the topics, in the order in which a new user reads them."""


def text_of(topic: str) -> str:
    """Return the Markdown text of a topic; raise NotFound, with suggestions, for an unknown one."""
    if topic not in ORDER:
        raise NotFound(f"there is no help topic {topic!r}", hint=_suggestion(topic))
    with open(os.path.join(_DIRECTORY, f"{topic}.md"), encoding="utf-8") as file:  # noqa: PTH118
        return file.read()


def summary_of(topic: str) -> str:
    """Return the sentence that says what the topic is about."""
    return " ".join(text_of(topic).split("\n\n", 2)[1].split())


def _suggestion(topic: str) -> str:
    import difflib

    near = difflib.get_close_matches(topic.lower(), ORDER, 1, 0.6)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"{guess}topics: {', '.join(ORDER)}"
