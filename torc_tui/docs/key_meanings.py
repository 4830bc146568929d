"""Read the meanings of workflow file keys from the documentation page."""

from __future__ import annotations

import re

from torc_tui.docs import topics

_HEADINGS = {
    "workflow": "## Workflow",
    "execution_config": "`execution_config` has these keys",
    "job": "## Jobs",
}
"""Name of a table of keys -> the text before the table on the page."""
_ROW = re.compile(r"\| (`[^|]*`) \| [^|]* \| (.*) \|")


def key_meanings() -> dict[str, dict[str, str]]:
    """Return the meaning of each key by the name of its table, without Markdown markup."""
    page = topics.text_of("workflow-files")
    found = {}
    for table, heading in _HEADINGS.items():
        rows = page.split(heading, 1)[1].split("\n\n")[1].splitlines()
        found[table] = {
            name: match[2].replace("`", "").replace("\\|", "|")
            for row in rows
            if (match := _ROW.fullmatch(row))
            for name in re.findall(r"`(\w+)`", match[1])
        }
    return found
