"""Print the lowest score in a folder."""

import json
import sys
from pathlib import Path

scores = [json.loads(path.read_text()) for path in sorted(Path(sys.argv[1]).glob("*.json"))]
best = min(scores, key=lambda score: score["score"])
found = f"learning rate {best['lr']:g} and momentum {best['momentum']:g}"
print(f"{len(scores)} scores, the best with {found}")
