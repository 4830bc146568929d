"""Estimate pi from random points; print the result as JSON."""

import argparse
import json
import random

parser = argparse.ArgumentParser()
parser.add_argument("--id", required=True, type=int)
number = parser.parse_args().id

source = random.Random(number)
tries = 20_000
hits = sum(source.random() ** 2 + source.random() ** 2 <= 1 for _ in range(tries))
print(json.dumps({"id": number, "tries": tries, "hits": hits}))
