"""Kinds of invocation scripts."""

from __future__ import annotations

import pytest

from torc_tui.shell_text import interpreter, invocation_kind


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("srun -n 1", "prefix"),
        ("time", "prefix"),
        ('module load x\nexec "$@"', "shell"),
        ('#!/bin/sh\nexec "$@"', "script"),
        ("#!/usr/bin/env python3\nimport sys", "script"),
    ],
)
def test_kinds_of_invocation_scripts(script: str, words: str) -> None:
    assert invocation_kind(script) == words


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh", ["/bin/sh"]),
        ("#! /usr/bin/env -S python3 -u \nrest", ["/usr/bin/env", "-S python3 -u"]),
        ("#!/bin/sh\r\necho", ["/bin/sh"]),
    ],
)
def test_interpreter(script: str, words: list[str]) -> None:
    assert interpreter(script) == words
