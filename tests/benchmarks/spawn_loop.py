"""Start `bash -c COMMAND` again and again and do nothing else: the floor for any program in Python.

    python spawn_loop.py JOBS AT_ONCE [COMMAND]

Each process gets a session of its own, and files for its stdout and stderr.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path


def spawn_all(folder: str, jobs: int, at_once: int, command: str = "true") -> None:
    """Run all jobs with their files in ``folder``; raise if one exits with another code than 0."""
    poll = select.epoll()
    children: dict[int, subprocess.Popen[bytes]] = {}
    started = ended = 0
    while ended < jobs:
        while started < jobs and len(children) < at_once:
            base = f"{folder}/{started}"
            with open(base + ".o", "wb") as out, open(base + ".e", "wb") as err:
                child = subprocess.Popen(
                    ["/bin/bash", "-c", command],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            fd = os.pidfd_open(child.pid)
            poll.register(fd, select.EPOLLIN)
            children[fd] = child
            started += 1
        for fd, _ in poll.poll():
            if children.pop(fd).wait():
                raise SystemExit(f"{command} failed")
            os.close(fd)
            ended += 1
    poll.close()


if __name__ == "__main__":
    Path("loop").mkdir()
    spawn_all("loop", int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
