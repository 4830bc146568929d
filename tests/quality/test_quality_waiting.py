"""No test depends on how fast the machine is: tests wait for conditions, in one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
OTHER = {
    "robust/test_killed_runners.py"  # kills at random moments
}


def own_waits(path: Path) -> Iterator[str]:
    """Yield the calls that sleep, and the sums that make a deadline."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("time.sleep", "asyncio.sleep")
        ):
            yield f"{path.relative_to(TESTS)}:{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            text = ast.unparse(node)
            if text.startswith(("time.monotonic()", "time.perf_counter()")):
                yield f"{path.relative_to(TESTS)}:{node.lineno}: {text}"


def test_waits() -> None:
    paths = [*TESTS.rglob("test_*.py"), *TESTS.rglob("conftest.py")]
    found = [
        wait
        for path in sorted(paths)
        if path.relative_to(TESTS).as_posix() not in OTHER
        for wait in own_waits(path)
    ]
    assert not found, "\n".join(["use wait_for of tests/waiting.py:", *found])
