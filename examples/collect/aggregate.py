"""Combine the estimates of user data records in a file of JSON texts."""

import json
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
decoder = json.JSONDecoder()
records = []
while text.strip():
    record, end = decoder.raw_decode(text.lstrip())
    text = text.lstrip()[end:]
    records.append(record["data"])

tries = sum(record["tries"] for record in records)
hits = sum(record["hits"] for record in records)
print(f"{len(records)} results, pi is about {4 * hits / tries:.4f}")
