"""The README: its tour, its files and its links."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Shell = Callable[..., CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_tour(user_shell: Shell, tmp_path: Path) -> None:
    tour = section("A ten-minute tour")
    for language, name in (("yaml", "tour.yaml"), ("python", "measure.py")):
        (text,) = blocks(tour, language)
        (tmp_path / "work" / name).write_text(text)
    example = ROOT / "examples/diamond/workflow.yaml"
    assert (
        user_shell(f"torc create {example}").returncode == 0
    )  # who installed it as it says has run an example
    said = {}
    for line in "".join(blocks(tour, "bash")).splitlines():
        done = user_shell(line)
        assert done.returncode == (1 if "# exit code 1" in line else 0), (
            f"{line}\n{done.stdout}{done.stderr}"
        )
        said[line.partition("#")[0].strip()] = done.stdout + done.stderr
    assert "published" in said["torc logs"]
    assert "exit 1" in said["torc why publish"]
    assert "exit 1 cp: cannot create" in said["torc status"]
    assert '"scale": 3' in said["torc user-data get config --value"]
    assert "4 of 7 jobs are stale" in said["torc plan"]
    [script] = [line for line in said if "torc wait" in line]
    assert "3\n" in said[script]
    assert (tmp_path / "work/published/total.txt").read_text() == "30\n"


def test_the_lines_to_paste() -> None:
    first, second = (block.strip() for block in blocks(section("Install"), "bash"))
    example = re.search(r"\(cd (\S+) && \S+/torc run ([^\s)]+)\)", first)
    assert example and (ROOT / example[1] / example[2]).is_file()
    # Who types both in one shell is still in the folder of the project when the second one starts.
    assert "cd " not in re.sub(r"\(.*?\)", "", first)
    for command in (first, second):
        (lock,) = re.findall(r"-r (\S+)", command)
        assert (ROOT / lock).is_file()
        assert (
            "--no-build-isolation" in command
        )  # otherwise pip fetches a build backend that is not locked
    assert second in (ROOT / ".ci/run").read_text().splitlines()
    assert (
        f"- run: {first}\n      - run: .ci/run\n" in (ROOT / ".github/workflows/ci.yml").read_text()
    )
    assert second.rpartition("&& ")[2] in section("Development")


def test_the_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
