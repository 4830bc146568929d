"""``torc help TOPIC``: Markdown in a pipe, rendered and paged on a terminal."""

from __future__ import annotations

import re

import pytest

from torc_tui.cli import help_pages
from torc_tui.docs import topics


def test_markdown_in_a_pipe(torc) -> None:  # type: ignore[no-untyped-def]
    answer = torc("help", "jobs")
    assert answer.code == 0
    assert answer.out == topics.text_of("jobs")


def test_the_list_of_topics(torc) -> None:  # type: ignore[no-untyped-def]
    answer = torc("help")
    assert answer.code == 0
    for topic in topics.ORDER:
        assert f"  {topic:<24}{topics.summary_of(topic)[:-1]}\n" in answer.out


def test_a_command_is_explained_by_its_options(torc) -> None:  # type: ignore[no-untyped-def]
    assert "--max-parallel-jobs" in torc("help", "run").out


def test_an_unknown_topic(torc) -> None:  # type: ignore[no-untyped-def]
    answer = torc("help", "nothing")
    assert answer.code == 2
    assert "there is no help topic 'nothing'" in answer.err
    assert "workflow-files" in answer.err


@pytest.mark.parametrize("topic", topics.ORDER)
def test_rendering(topic: str) -> None:
    text = help_pages.rendered(topics.text_of(topic), width=100)
    assert "\x1b[" in text
    assert "```" not in text
    assert "…" not in text.replace("[…]", "") or "…" in topics.text_of(topic)


def test_keys_are_never_cut() -> None:
    text = help_pages.rendered(topics.text_of("workflow-files"), width=100)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "compute_node_wait_for_healthy_database_minutes" in plain


def test_a_missing_pager(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:  # type: ignore[type-arg]
    monkeypatch.setenv("PAGER", "/nonexistent/pager")
    help_pages.page("text\n")
    assert capsys.readouterr().out == "text\n"
