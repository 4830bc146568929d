"""Show a topic of the documentation: rendered and paged on a terminal, Markdown elsewhere."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from torc_tui.docs import topics

_WIDTH = 100
"""Columns beyond which lines are hard to read."""


def topic_list(program: str) -> str:
    """Return the lines that `torc --help` prints about topics."""
    lines = [f"Topics ({program} help TOPIC):"]
    lines += [f"  {name:<24}{topics.summary_of(name).rstrip('.')}" for name in topics.ORDER]
    return "\n".join(lines) + "\n"


def show(topic: str) -> None:
    """Show a topic; raise NotFound, with suggestions, for an unknown one."""
    text = topics.text_of(topic)
    if not sys.stdout.isatty():
        print(text, end="")
        return
    page(rendered(text))


def rendered(text: str, *, width: int | None = None) -> str:
    """Return Markdown as text with terminal escapes, at most `_WIDTH` columns wide."""
    from rich.console import Console
    from rich.theme import Theme

    from torc_tui.docs.markdown import DocumentPage

    console = Console(width=width, force_terminal=True, theme=Theme({"markdown.code": "cyan"}))
    if width is None:
        console.width = min(console.width, _WIDTH)
    with console.capture() as capture:
        console.print(DocumentPage(text, hyperlinks=False))
    return capture.get()


def page(text: str) -> None:
    """Show the text in the user's pager, or print it where no pager can be started."""
    words = shlex.split(os.environ.get("PAGER") or "less")
    environment = {**os.environ, "LESS": os.environ.get("LESS") or "-FRX"}
    try:
        subprocess.run(words, input=text.encode(), env=environment, check=False)
    except OSError:
        print(text, end="")
