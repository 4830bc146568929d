"""Write a commented workflow file to start from.

The templates are the files in ``torc_tui/templates``; each is a complete workflow.
"""

from __future__ import annotations

import os
from pathlib import Path

from torc_tui.cli.arguments import TEMPLATES
from torc_tui.cli.call import Call
from torc_tui.errors import Refused, UsageError
from torc_tui.quoting import quoted

_NAME = "workflow.yaml"


def new_file(call: Call) -> None:
    """Write a template to a new file; an existing file is left alone."""
    template = call.options.template or TEMPLATES[0]
    given = call.options.output
    path = Path(given or _NAME)
    text = (Path(__file__).parent.parent / "templates" / f"{template}.yaml").read_bytes()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(fd, "wb") as file:
            file.write(text)
    except FileExistsError:
        hint = f"`torc new {template} -o FILE` writes another file"
        raise Refused(f"{path} already exists; no changes made", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{quoted(str(path))} cannot be written: {error.strerror}") from error
    run = "torc run" if given is None else f"torc run {path}"
    message = f"Wrote {path} ({template}); `torc validate {path}` checks it, `{run}` runs it"
    call.done({"path": str(path.absolute()), "template": template}, message)
