"""Evaluate the configuration in a user data record by cross-validation.

It needs no model, so it runs in parallel with the training.
"""

import argparse
import json

from linear import fit, loss, points, read_config

FOLDS = 5

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True, help="id of the user data record")
options = parser.parse_args()

config = read_config(options.config)
print("Evaluating with config:", json.dumps(config))
data = points(1000)
losses = []
for fold in range(FOLDS):
    held_out = data[fold::FOLDS]
    rest = [point for position, point in enumerate(data) if position % FOLDS != fold]
    losses.append(loss(held_out, fit(rest, config)))
    print(f"fold {fold + 1}: loss {losses[-1]:.4f}")
print(f"mean loss {sum(losses) / FOLDS:.4f}")
