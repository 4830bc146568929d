"""Signatures: equal for jobs that failed for the same reason, different for others."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage import corpora
from torc_tui.model import Cause
from torc_tui.reasons import Kind, because
from torc_tui.views.failure_patterns import template
from torc_tui.views.failure_signature import (
    TAIL,
    End,
    Log,
    Signature,
    decode,
    read_excerpt,
    signature_of,
)


def end_of(code: int) -> End:
    return End("signal" if 129 <= code < 160 else "exit", code)


def of_text(text: str | bytes, code: int = 1, names: tuple[str, ...] = ()) -> Signature:
    data = text.encode() if isinstance(text, str) else text
    start = max(0, len(data) - TAIL)
    return signature_of(end_of(code), read_excerpt(Log(data[start:], start, "stderr"), names))


@pytest.mark.parametrize("name", corpora.NAMES)
def test_two_reasons(name: str) -> None:
    counts = Counter(of_text(data, code).key for code, data in corpora.failures(name, 500))
    assert sorted(counts.values()) == [250, 250], counts


def test_number_of_groups() -> None:
    assert len(corpora.NAMES) >= 10
    assert all(len(corpora.reasons(name)) == 2 for name in corpora.NAMES)


KINDS = {
    "oom": "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.",
    "gpu_oom": "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "cuda": "Failed: Cuda error kernel.cu:12 'CUDA driver version is insufficient'",
    "nccl": "ncclSystemError: System call (e.g. socket, malloc) or external library call failed",
    "disk_full": "OSError: [Errno 28] No space left on device: '/scratch/x'",
    "missing_module": "ModuleNotFoundError: No module named 'torch'",
    "missing_command": "/x/job.sh: line 3: samtools: command not found",
    "missing_file": "cat: a.txt: No such file or directory",
    "permission": "PermissionError: [Errno 13] Permission denied: '/x'",
    "license": "Error: could not check out license for Optimization_Toolbox",
    "segfault": "bash: line 1: 4711 Segmentation fault      (core dumped) ./x",
    "mpi": "[n1:7] *** MPI_ERR_TRUNCATE: message truncated",
    "network": "curl: (7) Failed to connect to host.org port 443: Connection refused",
    "assertion": "a: a.c:7: main: Assertion `x > 0' failed.",
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind: str) -> None:
    assert of_text(f"reading 7\n{KINDS[kind]}\n").kind == kind


def test_place_of_line() -> None:
    text = "one\ntwo\nValueError: bad 7\nlast\n\n"
    found = of_text(text)
    assert (found.line, found.offset) == (3, text.index("ValueError"))
    assert found.text == "ValueError: bad 7"
    assert found.context == ("two", "ValueError: bad 7", "last")


def test_place_in_long_log() -> None:
    text = "x" * 30 + "\n"
    text = text * 1000 + "ValueError: bad 7\n"
    found = of_text(text)
    assert (found.line, found.offset) == (None, text.index("ValueError"))


def test_stopped_programs() -> None:
    excerpt = read_excerpt(Log(b"epoch 7 of alpha\n", 0, "stderr"))
    for cause in (Cause.TIMEOUT, Cause.OOM, Cause.CANCELED, Cause.LOST):
        found = signature_of(End(cause, 152), excerpt)
        assert (found.message, found.kind, found.text) == ("", cause, "epoch 7 of alpha")
    assert of_text("epoch 7 of alpha\n", 137).message == ""


def test_launch_and_missing_output() -> None:
    launch = because(Kind.LAUNCH, path="/x/y", error="Permission denied: /x/y")
    assert signature_of(End("launch", 126, launch)).message == "Permission denied: PATH"
    missing = because(Kind.MISSING_FILES, files=(("a", "a.txt"),))
    assert signature_of(End("missing_output", 1, missing)).kind == "missing_files"


def test_words_in_paths() -> None:
    found = of_text("ERROR: no data\nwrote /tmp/nccl/out_of_memory.txt and /x/error\n")
    assert (found.kind, found.message) == ("", "ERROR: no data")


def test_own_name() -> None:
    one = of_text("no reads for sample_alpha\n", names=("sample_alpha",))
    two = of_text("no reads for sample_beta\n", names=("sample_beta",))
    assert one.key == two.key


def test_different_modules() -> None:
    one = of_text("ModuleNotFoundError: No module named 'numpy'\n")
    two = of_text("ModuleNotFoundError: No module named 'torch'\n")
    assert one.key != two.key


def test_bare_assertions() -> None:
    text = 'Traceback (most recent call last):\n  File "a.py", line 7, in f\n    assert {}\nAssertionError\n'
    assert of_text(text.format("x > 0")).key != of_text(text.format("y.ok")).key


TEMPLATES = {
    "2026-11-28 12:00:01,123 ERROR x": "ERROR x",
    "[rank3]: failed after 3.5e-07 s": "failed after N",
    "read/write of 3/10 failed": "read/write of N failed",
    "shapes (3x4 and 5x6)": "shapes (N and N)",
    "can't open 'a b' for \"x\"": "can't open '…' for '…'",
    "at 0x7ffe12 in deadbeef1 of 123e4567-e89b-12d3-a456-426614174000": "at ID in ID of ID",
    "open s3://bucket/x7, ~/a and C:\\b\\c": "open PATH, PATH and PATH",
    "cannot read sample_alpha.bam": "cannot read PATH",
    "found 1 error": "found N error",
    "found 12 errors": "found N error",
    "needs 16 GiB, 512.5 MiB free": "needs N free",
}


@pytest.mark.parametrize("text", TEMPLATES)
def test_templates(text: str) -> None:
    assert template(text) == TEMPLATES[text]


@given(st.integers(0, 10**12), st.floats(0.001, 1e6), st.text("abcxyz", min_size=1))
def test_values_do_not_matter(number: int, value: float, word: str) -> None:
    text = "layer {} has value {:.6g} in '{}' and /data/{}/x"
    assert template(text.format(number, value, word, word)) == template(
        text.format(1, 0.5, "w", "w")
    )


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode()))
def test_any_bytes(data: bytes) -> None:
    found = of_text(b"x error " + data + b"\n" + data)
    texts = [found.message, found.error, found.text, *found.context]
    assert all(sign.isprintable() or not sign.isascii() for text in texts for sign in text)
    assert "\x1b" not in "".join(texts)
    assert decode(found.encode(), found.cause, found.code) == found


@given(st.text())
def test_damaged_column(text: str) -> None:
    assert decode(text, "exit", 1) is None or isinstance(decode(text, "exit", 1), Signature)


HOSTILE = {
    "lines": b"error\n" * 2800,
    "empty": b"\n" * TAIL,
    "noise": os.urandom(TAIL),
    "quotes": b"error '" + b"'a" * 8000,
    "colors": b"\x1b[31merror\x1b[0m 7 \n" * 900,
    "open": b"error \x1b]0;" * 1600,
    "numbers": b"error " + b"1.2e" * 4000,
    "slashes": b"error " + b"a/" * 8000,
    "dots": b"error " + b"a." * 8000,
    "hex": b"error " + b"a1" * 8000,
    "r": b"Error in " * 1800,
    "trace": b"Traceback (most recent call last)\n  x\nA\n" * 400,
    "spaces": b"error " + b" " * TAIL,
    "returns": b"error \r" * 2300,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(name: str) -> None:
    before = time.process_time()
    of_text(HOSTILE[name])
    template(HOSTILE[name].decode("latin-1"))
    assert time.process_time() - before < 1  # takes 2 ms; quadratic time would be minutes
