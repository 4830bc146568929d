"""Change the pure core in small ways, and check that its tests notice.

``python -m tests.mutation [MODULE…] [--most N] [--seed N]`` copies the project into a temporary
directory and makes one change at a time there: an operator, a constant, a condition, a return
value. A change that no test notices survives and is printed. Changes that cannot be noticed because
the program means the same are listed in `equivalent.txt`, one per line as they are printed, with
the reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
DEADLINE = 120
"""Seconds after which the tests of a change count as having noticed it: it loops."""
MODULES: dict[str, tuple[str, ...]] = {
    "torc_tui/status.py": ("tests/status",),
    "torc_tui/reasons.py": ("tests/wording",),
    "torc_tui/lifecycle/decide.py": ("tests/lifecycle",),
    "torc_tui/lifecycle/liveness.py": ("tests/lifecycle",),
    "torc_tui/lifecycle/freshness.py": ("tests/lifecycle",),
    "torc_tui/lifecycle/fingerprint.py": ("tests/lifecycle",),
    "torc_tui/lifecycle/rerun_plan.py": ("tests/lifecycle",),
    "torc_tui/lifecycle/actions.py": ("tests/lifecycle/test_actions.py",),
    "torc_tui/lifecycle/canary.py": ("tests/lifecycle/test_holds.py",),
    "torc_tui/lifecycle/failure_policy.py": ("tests/lifecycle",),
    "torc_tui/resources/pool.py": ("tests/resources",),
    "torc_tui/resources/gpus.py": ("tests/resources",),
    "torc_tui/resources/explain.py": ("tests/resources",),
}
"""Module of the pure core -> the tests that must notice a change of it."""
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One change of a module: its line, the text of the line, and the change in words.

    The node with this ``number`` in the tree of the module becomes ``variant``.
    """

    module: str
    line: int
    source: str
    what: str
    number: int
    variant: ast.AST

    @property
    def name(self) -> str:
        """Return the words that identify the change in `equivalent.txt`."""
        return f"{self.module}: {self.source}: {self.what}"

    @property
    def text(self) -> str:
        """Return the new text of the module."""
        tree = ast.parse((ROOT / self.module).read_text())
        place = next(node for index, node in enumerate(ast.walk(tree)) if index == self.number)
        _replace(tree, place, self.variant)
        return ast.unparse(ast.fix_missing_locations(tree))


def changes(module: str) -> list[Change]:
    """Return every change of a module."""
    original = (ROOT / module).read_text()
    lines = original.splitlines()
    tree = ast.parse(original)
    silent = set(_without_effect(tree))
    found = []
    for number, node in enumerate(ast.walk(tree)):
        if node in silent:
            continue
        for variant, what in _variants(node):
            line = getattr(node, "lineno", 0)
            source = lines[line - 1].strip() if line else ""
            found.append(Change(module, line, source, what, number, variant))
    return found


def _without_effect(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of annotations and decorators: no behavior depends on them."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns", "decorator_list"):
            value = getattr(node, name, None)
            for part in value if isinstance(value, list) else [value] if value else []:
                yield from ast.walk(part)


def _variants(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield what a node can be changed to, with the change in words."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED:
        yield _changed(node, op=SWAPPED[type(node.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        yield _changed(node, ops=[SWAPPED[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand, f"{ast.unparse(node)} -> {ast.unparse(node.operand)}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _changed(node, value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield _changed(node, value=node.value + 1)
    elif isinstance(node, ast.If | ast.IfExp):
        yield _changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield _changed(node, value=ast.Constant(None))


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _changed(node: ast.AST, **fields: object) -> tuple[ast.AST, str]:
    other = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    head = ast.unparse(node).splitlines()[0]
    return other, f"{head} -> {ast.unparse(ast.fix_missing_locations(other)).splitlines()[0]}"


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(one is old for one in value):
                setattr(parent, name, [new if one is old else one for one in value])


def is_noticed(change: Change, copy_of_project: Path) -> bool:
    """Return whether the tests of the module fail with the change."""
    path = copy_of_project / change.module
    original = path.read_text()
    path.write_text(change.text)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *MODULES[change.module]],
            cwd=copy_of_project,
            env={**os.environ, "PYTHONPATH": str(copy_of_project), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(original)
    return done.returncode != 0


def equivalent() -> set[str]:
    """Return the names of the changes that mean the same."""
    lines = EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []
    return {line.partition("  # ")[0] for line in lines if line and not line.startswith("#")}


def survivors(chosen: Sequence[Change], *, workers: int = 2) -> list[Change]:
    """Return the changes that no test notices."""
    with tempfile.TemporaryDirectory(prefix="torc-mutation-") as name:
        copies = [Path(name) / str(number) for number in range(workers)]
        for place in copies:
            shutil.copytree(ROOT / "torc_tui", place / "torc_tui")
            shutil.copytree(ROOT / "tests", place / "tests")
            shutil.copy(ROOT / "pyproject.toml", place)

        def run(number: int) -> list[Change]:
            mine = chosen[number::workers]
            return [change for change in mine if not is_noticed(change, copies[number])]

        with ThreadPoolExecutor(workers) as pool:
            return [change for part in pool.map(run, range(workers)) for change in part]


def main() -> int:
    """Read the command line, make the changes and print those that survive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(MODULES), metavar="MODULE")
    parser.add_argument("--most", type=int, help="at most this many changes per module")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    known = equivalent()
    chance = random.Random(options.seed)
    total = left = 0
    for module in options.modules:
        possible = [change for change in changes(module) if change.name not in known]
        if options.most is not None and len(possible) > options.most:
            possible = chance.sample(possible, options.most)
        found = survivors(possible)
        total, left = total + len(possible), left + len(found)
        print(f"{module}: {len(possible) - len(found)} of {len(possible)} changes noticed")
        for change in sorted(found, key=lambda one: one.line):
            print(f"  line {change.line}: {change.source}: {change.what}", flush=True)
    share = (total - left) / max(1, total)
    print(f"{total - left} of {total} changes noticed ({share:.0%})")
    return 0 if share >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
