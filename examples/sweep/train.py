"""Minimize a quadratic function by gradient descent with momentum.

Writes the score to a file; exits with 3 if the descent diverges.
"""

import argparse
import json
import math
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--lr", required=True, type=float)
parser.add_argument("--momentum", required=True, type=float)
parser.add_argument("--steps", required=True, type=int)
parser.add_argument("--out", required=True, type=Path)
options = parser.parse_args()

x, y = 3.0, -2.0
speed_x = speed_y = 0.0
for step in range(options.steps):
    speed_x = options.momentum * speed_x - options.lr * 2 * x
    speed_y = options.momentum * speed_y - options.lr * 8 * (y - 1)
    x, y = x + speed_x, y + speed_y
    if not math.isfinite(x + y) or abs(x) + abs(y) > 1e12:
        print(
            f"diverged after {step + 1} steps with a learning rate of {options.lr:g}",
            file=sys.stderr,
        )
        sys.exit(3)

score = x * x + 4 * (y - 1) ** 2
print(f"learning rate {options.lr:g}, momentum {options.momentum:g}: {score:.3g}")
options.out.parent.mkdir(parents=True, exist_ok=True)
options.out.write_text(json.dumps({"lr": options.lr, "momentum": options.momentum, "score": score}))
