"""Read the GPUs in a separate process, because a call of the driver may never return.

Input: requests on standard input, one JSON object per line. Output: a pickled `GpuReading` for
each, after its length in four bytes. The process ends when its standard input is closed.

    {"own": {PID: TAG}, "figures": true, "use": true}
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys

from torc_tui.resources.gpu_monitor import GpuMonitor
from torc_tui.resources.gpu_reading import LENGTH, pack


def main() -> None:
    """Answer requests until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the runner
    monitor = GpuMonitor(os.environ)
    answer = sys.stdout.fileno()
    for line in sys.stdin:
        request = json.loads(line)
        own = {int(pid): tag for pid, tag in request["own"].items()}
        reading = monitor.read(own, figures=request["figures"], use=request["use"])
        data = pickle.dumps(pack(reading), pickle.HIGHEST_PROTOCOL)
        data = LENGTH.pack(len(data)) + data
        while data:
            data = data[os.write(answer, data) :]


if __name__ == "__main__":
    main()
