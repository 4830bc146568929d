"""``torc report``: one page without network, in which nothing from a user is markup."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from torc_tui.engine import machine_watch
from torc_tui.views.html_page import POLICY, SCRIPT

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)
EVIL = "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>"
SPEC = f"""
name: "sweep {EVIL}"
description: "two rates & one <b>plot</b>"
jobs:
  - name: "train_{{lr}}"
    command: |
      if [ "{{lr}}" = 0.1 ]; then echo "ValueError: {EVIL}" >&2; exit 1; fi
      torc user-data update ${{user_data.output.loss_{{lr}}}} --data '{{"v": "</script>"}}'
    parameters: {{lr: [0.001, 0.01, 0.1]}}
    resource_requirements: r
  - {{name: plot, command: "true", depends_on: [train_0.001], input_files: [curve]}}
  - {{name: late, command: "true", depends_on: [train_0.1]}}
files:
  - {{name: curve, path: curve.png, report: {{caption: "{EVIL}", group: "Figures"}}}}
  - {{name: table, path: table.csv, report: "rates"}}
  - {{name: gone, path: gone.png, report: {{caption: lost}}}}
  - {{name: pipe, path: pipe.txt, report: pipe}}
  - {{name: big, path: big.png, report: big}}
user_data: [{{name: "loss_{{lr}}", parameters: {{lr: [0.001, 0.01, 0.1]}}}}]
resource_requirements: [{{name: r, num_cpus: 1, memory: 1g, runtime: PT1H}}]
"""


class Page(HTMLParser):
    """The elements of a page, its scripts, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts.append(data)
        elif self._open != "style":
            self.text += data

    def attributes(self) -> list[tuple[str, str]]:
        return [(name, value or "") for _, attrs in self.tags for name, value in attrs.items()]


@pytest.fixture
def ran(torc: Any, place: Path) -> int:
    (place / "w.yaml").write_text(SPEC)
    (place / "curve.png").write_bytes(PIXEL)
    (place / "table.csv").write_text("lr,loss\n0.001,<b>0.2</b>\n")
    (place / "big.png").write_bytes(bytes(2 << 20))
    os.mkfifo(place / "pipe.txt")
    assert torc("run", "w.yaml", "--quiet").code == 1
    return 1


@pytest.fixture
def page(torc: Any, ran: int) -> Page:
    return Page(torc("report", 1).out)


def check_safe(page: Page) -> None:
    """There is one script, it is ours, and nothing is fetched from anywhere."""
    assert page.scripts == [SCRIPT]
    assert not any(name.startswith("on") for name, _ in page.attributes())
    for name, value in page.attributes():
        if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            assert value.startswith(("#", "data:image/")), (name, value)
    assert not {"iframe", "object", "embed", "link", "base", "form"} & {tag for tag, _ in page.tags}
    [policy] = [attrs for tag, attrs in page.tags if attrs.get("http-equiv")]
    assert policy["content"] == POLICY and "default-src 'none'" in POLICY


def test_nothing_executes(page: Page) -> None:
    check_safe(page)
    assert EVIL in page.text and "two rates & one <b>plot</b>" in page.text


def test_content(page: Page) -> None:
    ids = {attrs["id"] for tag, attrs in page.tags if tag == "section"}
    assert ids == {
        *("failures", "timeline", "path", "graph", "files"),
        *("results", "use", "data", "stale"),
    }
    for words in ("lost", "0.01", "train_{lr}", " of 1 h", "slot 1"):
        assert words in page.text
    [table] = [attrs for tag, attrs in page.tags if attrs.get("class") == "sortable"]
    assert table is not None
    assert any(tag == "td" and attrs.get("data-sort") for tag, attrs in page.tags)


def test_files(page: Page) -> None:
    [image] = [attrs for tag, attrs in page.tags if tag == "img"]
    assert (image["src"] or "").partition("base64,")[2] == base64.b64encode(PIXEL).decode()
    assert image["alt"] == EVIL
    assert "<b>0.2</b>" in page.text and "Figures" in page.text
    assert "not embedded: not a regular file" in page.text
    assert "not embedded: 2 MiB are too large" in page.text
    assert "not embedded: No such file or directory" in page.text


def test_other_formats(torc: Any, ran: int, place: Path) -> None:
    text = torc("report", 1, "-f", "md").out
    assert "## Failures" in text and "\\<script\\>" in text and "<script>" not in text
    found = torc("report", 1, "-f", "json").json
    assert (found["total_jobs"], found["counts"]["failed"]) == (5, 1)
    assert [one["parameters"] for one in found["results"][:2]] == [{"lr": 0.001}, {"lr": 0.01}]
    assert found["critical_path"] and found["requested_and_used"] and found["user_data"]
    assert found["files"][0]["group"] == "Figures"
    assert torc("workflows", "report", 1, "-o", "page.html").code == 0
    assert (place / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_what_is_stale(torc: Any, ran: int, place: Path) -> None:
    (place / "curve.png").write_bytes(PIXEL + b"x")
    found = torc("report", 1, "-f", "json").json["stale"]
    assert {one["name"] for one in found} >= {"plot"}


@pytest.mark.parametrize("text", ["{name: w, jobs: [{name: a, command: x}]}"])
def test_before_the_run(torc: Any, place: Path, text: str) -> None:
    (place / "w.yaml").write_text(text)
    assert torc("create", "w.yaml").code == 0
    page = Page(torc("report", 1).out)
    check_safe(page)
    assert "slot 1" not in page.text
    assert torc("report", 1, "-f", "md").code == 0
    assert torc("report", 1, "-f", "json").json["critical_path"] == []


def test_wrong_use(torc: Any, ran: int) -> None:
    assert torc("report", 9).code == 2
    assert torc("report", 1, "-f", "svg").code == 2
    assert "No such file" in torc("report", 1, "-o", "/nowhere/at/all.html").err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{captoin: a}", "did you mean 'caption'?"),
        ("{caption: 3}", "'caption' must be a string"),
        ("[a]", "report"),
    ],
    ids=["typo", "number", "list"],
)
def test_wrong_key(torc: Any, place: Path, value: str, message: str) -> None:
    (place / "w.yaml").write_text(
        f"name: w\njobs: [{{name: a, command: x}}]\nfiles: [{{name: f, path: f, report: {value}}}]\n"
    )
    answer = torc("validate", "w.yaml")
    assert answer.code == 2 and message in answer.err


def test_on_a_terminal(torc: Any, ran: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to see a page of HTML on a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    answer = torc("report", 1)
    assert answer.code == 0 and "Wrote torc_report_wf1.html" in answer.err
    check_safe(Page((place / "torc_report_wf1.html").read_text()))


def test_kdl(torc: Any, place: Path) -> None:
    (place / "w.kdl").write_text(
        'name "w"\njob "a" command="x"\n'
        'file "f" { path "f.png"; report { caption "Loss"; group "Figures" }; }\n'
        'file "g" { path "g.png"; report "Rates"; }\n'
    )
    assert torc("create", "w.kdl").code == 0
    files = torc("report", 1, "-f", "json").json["files"]
    assert [(one["caption"], one["group"]) for one in files] == [
        ("Loss", "Figures"),
        ("Rates", None),
    ]


def test_caption_with_parameters(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: x}]\nfiles:\n- {name: 'f_{i}', path: 'f_{i}.png',"
        " report: 'Loss of {i}', parameters: {i: '1:2'}}\n"
    )
    assert torc("create", "w.yaml").code == 0
    files = torc("report", 1, "-f", "json").json["files"]
    assert [one["caption"] for one in files] == ["Loss of 1", "Loss of 2"]


def installed(*names: str) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


@pytest.mark.long
def test_chromium(torc: Any, ran: int, place: Path) -> None:
    """A browser draws the page; its script runs and none of the workflow's does."""
    browser = installed("chromium", "chromium-browser", "google-chrome", "chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    assert torc("report", 1, "-o", "page.html").code == 0
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    done = subprocess.run(
        [*words, (place / "page.html").as_uri()], capture_output=True, text=True, timeout=300
    )
    drawn = Page(done.stdout)
    assert drawn.scripts == [SCRIPT] and EVIL in drawn.text
    sortable = [attrs for tag, attrs in drawn.tags if tag == "th" and attrs.get("tabindex") == "0"]
    assert len(sortable) >= 6, "the script of the page has not run"


@pytest.mark.long
def test_firefox(torc: Any, ran: int, place: Path) -> None:
    """Firefox takes a picture of the page that is not empty."""
    browser = installed("firefox", "firefox-esr")
    if browser is None:
        pytest.skip("no Firefox is installed")
    assert torc("report", 1, "-o", "page.html").code == 0
    words = [browser, "--headless", "--profile", str(place / "profile"), "--window-size=1100,1600"]
    (place / "profile").mkdir()
    subprocess.run(
        [*words, "--screenshot", str(place / "page.png"), (place / "page.html").as_uri()],
        capture_output=True,
        timeout=300,
        check=True,
    )
    with Image.open(place / "page.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 20


def test_pictures_are_well_formed(torc: Any, ran: int) -> None:
    text = torc("report", 1).out
    pictures = text.split("<svg")[1:]
    assert len(pictures) == 3
    for picture in pictures:
        ET.fromstring(f"<svg{picture.partition('</svg>')[0]}</svg>")


@pytest.mark.parametrize("words", [(1,), ("--machine", 1)], ids=["groups", "machine"])
def test_pages_of_plots(
    torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[Any, ...]
) -> None:
    monkeypatch.setattr(machine_watch, "_FIRST_SECONDS", 0.01)
    text = f"name: '{EVIL}'\njobs: [{{name: '{EVIL}', command: sleep 0.3}}]\n"
    (place / "w.yaml").write_text(text)
    assert torc("run", "w.yaml", "--quiet").code == 0
    drawn = Page(torc("plot", *words, "-f", "html").out)
    check_safe(drawn)
    assert EVIL in drawn.text or "--machine" in words
    ET.fromstring(torc("plot", *words, "-f", "svg").out)
