"""Fit a line to noisy points by gradient descent."""

import json
import random
import subprocess

Point = tuple[float, float]
Line = tuple[float, float]


def read_config(record: str) -> dict[str, float]:
    """Return the data of the user data record with this id."""
    printed = subprocess.run(
        ["torc", "user-data", "get", record], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(printed)["data"]


def points(count: int, seed: int = 7) -> list[Point]:
    """Return noisy points around y = 3x + 2."""
    source = random.Random(seed)
    return [
        (x, 3 * x + 2 + source.gauss(0, 0.1)) for x in (source.uniform(-1, 1) for _ in range(count))
    ]


def fit(data: list[Point], config: dict[str, float]) -> Line:
    """Return slope and intercept after ``epochs`` passes over the data in batches."""
    slope = intercept = 0.0
    size = int(config["batch_size"])
    for _ in range(int(config["epochs"])):
        for start in range(0, len(data), size):
            batch = data[start : start + size]
            errors = [(slope * x + intercept - y, x) for x, y in batch]
            step = config["learning_rate"] * 2 / len(batch)
            slope -= step * sum(error * x for error, x in errors)
            intercept -= step * sum(error for error, _ in errors)
    return slope, intercept


def loss(data: list[Point], line: Line) -> float:
    """Return the mean squared error of the line."""
    return sum((line[0] * x + line[1] - y) ** 2 for x, y in data) / len(data)
