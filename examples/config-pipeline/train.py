"""Train with the configuration in a user data record, and write the model."""

import argparse
import json
from pathlib import Path

from linear import fit, loss, points, read_config

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True, help="id of the user data record")
parser.add_argument("--model", required=True, type=Path, help="file to write")
options = parser.parse_args()

config = read_config(options.config)
print("Training with config:", json.dumps(config))
data = points(1000)
slope, intercept = fit(data, config)
print(f"y = {slope:.3f} x + {intercept:.3f}, loss {loss(data, (slope, intercept)):.4f}")
options.model.parent.mkdir(parents=True, exist_ok=True)
options.model.write_text(json.dumps({"slope": slope, "intercept": intercept, "config": config}))
