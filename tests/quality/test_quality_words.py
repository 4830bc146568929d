"""The files of the project contain no words about how it was made, no leftovers and no paths of one
machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Not among them, because they have a meaning here: session (of processes, of a test run),
# assistant, model, helper, tool, prompt, gemini and copilot as parts of longer words.
MAKING = [
    r"\bLLMs?\b",
    r"(?-i:\bAI\b)",
    r"\blanguage[- ]models?\b",
    r"\bagents?\b",
    r"\b(chatgpt|chatbot|copilot|anthropic|claude|openai|gemini)\b",
    r"\b(my|our|your) (brief|session)\b",
    r"\b(this|previous|next|last) (working )?session\b",
    r"\b(context window|system prompt)\b",
    r"\bco-authored-by\b",
]
LEFTOVERS = [r"^(<{7}|>{7}) ", r"\b(TODO|FIXME|XXX)\b", r"/work/(main|notes|shared|venv)\b"]
TEXT_LIMIT = 2_000_000


def project_files() -> list[Path]:
    """Return the files that git tracks or would add, except this one, which lists the words."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path != Path(__file__).resolve() and path.is_file()]


@pytest.mark.parametrize(("words", "flags"), [(MAKING, re.IGNORECASE), (LEFTOVERS, re.MULTILINE)])
def test_no_file_holds(words: list[str], flags: int) -> None:
    pattern = re.compile("|".join(words), flags)
    found = []
    for path in project_files():
        content = path.read_bytes()[:TEXT_LIMIT]
        if b"\0" in content:
            continue
        text = content.decode("utf-8", "replace")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match.group()}")
    assert not found, "\n".join(found)
