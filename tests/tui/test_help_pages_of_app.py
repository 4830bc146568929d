"""The pages of the help dialog, and the order of its topics."""

from __future__ import annotations

from itertools import pairwise

import pytest

from torc_tui.docs import topics
from torc_tui.tui.shell.help import topic_lines, topics_with


@pytest.mark.parametrize("topic", topics.ORDER)
def test_blocks_are_one_empty_line_apart(topic: str) -> None:
    texts = ["".join(text for text, _ in line).strip() for line in topic_lines(topic, 90)]
    assert all(one or other for one, other in pairwise(texts))


def test_topics_with_a_matching_name_come_first() -> None:
    assert topics_with(["user-data"])[0] == "user-data"
    assert topics_with([]) == list(topics.ORDER)
