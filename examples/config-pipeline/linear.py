"""A line through noisy points, found by gradient descent: small, and yet it depends on its
settings.
"""

import json
import random
import subprocess

Point = tuple[float, float]
Line = tuple[float, float]


def read_config(record: str) -> dict[str, float]:
    """The data of a user data record, by its id, as any job reads it."""
    printed = subprocess.run(
        ["torc", "user-data", "get", record], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(printed)["data"]


def points(count: int, seed: int = 7) -> list[Point]:
    """Points around y = 3x + 2."""
    source = random.Random(seed)
    return [
        (x, 3 * x + 2 + source.gauss(0, 0.1)) for x in (source.uniform(-1, 1) for _ in range(count))
    ]


def fit(data: list[Point], config: dict[str, float]) -> Line:
    """Slope and intercept after ``epochs`` rounds through the data in batches."""
    slope = intercept = 0.0
    size = int(config["batch_size"])
    for _ in range(int(config["epochs"])):
        for start in range(0, len(data), size):
            batch = data[start : start + size]
            errors = [(slope * x + intercept - y, x) for x, y in batch]
            slope -= (
                config["learning_rate"] * 2 * sum(error * x for error, x in errors) / len(batch)
            )
            intercept -= (
                config["learning_rate"] * 2 * sum(error for error, _ in errors) / len(batch)
            )
    return slope, intercept


def loss(data: list[Point], line: Line) -> float:
    """The mean squared error of the line."""
    return sum((line[0] * x + line[1] - y) ** 2 for x, y in data) / len(data)
