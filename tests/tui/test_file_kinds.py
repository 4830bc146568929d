"""What a file is by its name and first bytes, images by their headers, and reading without harm."""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.tui.files.file_content import HexDrawing, excerpt, read_shown, table_rows
from torc_tui.tui.files.file_kind import View, kind_of
from torc_tui.tui.files.image_header import image_header
from torc_tui.tui.files.read_file import BLOCK, disk_state, read_file
from torc_tui.tui.files.text_colors import colors_of, yaml_line

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBB", 13, b"IHDR", 640, 480, 8, 6)
JPEG = (
    b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + bytes(14)  # APP0
    + b"\xff\xc4" + struct.pack(">H", 4) + bytes(2)  # a table, which has no size
    + b"\xff\xff\xc2" + struct.pack(">HBHHB", 17, 8, 300, 200, 3) + bytes(9)
)  # fmt: skip
GIF = b"GIF89a" + struct.pack("<HH", 12, 34)
BMP = b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 7, -9, 1, 24)
VP8 = b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 320, 0x4000 | 240)
VP8L = b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 99 | 49 << 14)
VP8X = b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\xff\x03\x00" + b"\xff\x01\x00"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="x" width="30" height="20px">'


@pytest.mark.parametrize(
    ("data", "kind", "width", "height"),
    [
        (PNG, "PNG", 640, 480),
        (JPEG, "JPEG", 200, 300),
        (GIF, "GIF", 12, 34),
        (BMP, "BMP", 7, 9),
        (VP8, "WebP", 320, 240),
        (VP8L, "WebP", 100, 50),
        (VP8X, "WebP", 1024, 512),
        (SVG, "SVG", 30, 20),
        (b'<svg viewBox="0 0 64 48">', "SVG", 64, 48),
    ],
    ids=["png", "jpeg", "gif", "bmp", "vp8", "vp8l", "vp8x", "svg", "box"],
)
def test_size_of_an_image(data: bytes, kind: str, width: int, height: int) -> None:
    found = image_header(data)
    assert found is not None
    assert (found.kind, found.width, found.height) == (kind, width, height)


@given(st.sampled_from([PNG, JPEG, GIF, BMP, VP8, VP8L, VP8X, SVG]), st.data())
def test_cut_and_damaged_headers_are_harmless(whole: bytes, data: st.DataObject) -> None:
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    found = image_header(cut + data.draw(st.binary(max_size=30)))
    assert found is None or found.kind in ("PNG", "JPEG", "GIF", "BMP", "WebP", "SVG")


@pytest.mark.parametrize(
    ("name", "data", "view", "word"),
    [
        ("a.json", b'{"a": 1}', View.TEXT, "JSON"),
        ("noext", b'  {"a": 1}', View.TEXT, "JSON"),
        ("a.yml", b"a: 1", View.TEXT, "YAML"),
        ("a.csv", b"a,b\n1,2\n", View.TABLE, "table"),
        ("a.txt", "größe\n".encode("latin-1") * 9, View.BYTES, "binary data"),
        ("a.txt", ("plain text " * 9 + "größe\n").encode("latin-1"), View.TEXT, "text"),
        ("a.txt", "größe".encode()[:3], View.TEXT, "text"),
        ("a.log", b"\x1b[31mred\x1b[0m\n\x1b]0;title\x07", View.TEXT, "text"),
        ("a.csv", b"a,b\0", View.BYTES, "binary data"),
        ("a", b"\x1f\x8b\x08rest", View.BYTES, "gzip data"),
        ("BMX.txt", b"BM is how this text begins, and it is long enough", View.TEXT, "text"),
        ("plot.png", b"not a picture", View.TEXT, "text"),
    ],
    ids=["json", "noext", "yaml", "csv", "latin", "some", "cut", "escapes", "nul", "gzip", "bm",
         "png"],
)  # fmt: skip
def test_kind(name: str, data: bytes, view: View, word: str) -> None:
    found = kind_of(name, data)
    assert (found.view, found.word) == (view, word)


@given(st.text(max_size=200))
def test_colors_keep_the_text(line: str) -> None:
    for language in ("json", "yaml"):
        color = colors_of(language)
        assert color is not None
        line = line.replace("\n", " ")
        assert "".join(text for text, _ in color(line)) == line


def test_colors_of_yaml() -> None:
    assert yaml_line("  - lr: 0.1  # first") == [
        ("  - ", "json-punct"), ("lr", "json-key"), (":", "json-punct"), (" ", "text"),
        ("0.1", "json-number"), ("  ", "text"), ("# first", "faint"),
    ]  # fmt: skip
    assert ("true", "json-literal") in yaml_line("a: true")
    assert ("http://x", "text") in yaml_line("a: http://x")
    assert colors_of("") is None


# -- reading ---------------------------------------------------------------------------------------


def test_only_two_blocks_of_a_large_file_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large"
    with file.open("wb") as out:
        out.write(b"\x00first")
        out.truncate(1 << 30)
        out.seek((1 << 30) - 4)
        out.write(b"last")
    lengths: list[int] = []
    read = os.pread
    monkeypatch.setattr(
        os, "pread", lambda fd, size, at: lengths.append(size) or read(fd, size, at)
    )
    content = read_file(str(file))
    assert lengths == [BLOCK, BLOCK]
    assert len(content.head) == len(content.tail) == BLOCK
    assert content.head.startswith(b"\0first") and content.tail.endswith(b"last")
    drawing = HexDrawing(content, 80)
    lines = drawing.draw(0, 0, 80, drawing.size[1])
    text = ["".join(part for part, _ in line) for line in lines]
    assert text[0].split() == ["00000000", "00", "66", "69", "72", "73", "74", *["00"] * 10,
                               "·first··········"]  # fmt: skip
    assert text[BLOCK // 16] == "  ⋯ 1 GiB not shown ⋯"
    assert text[-1].startswith(" 3ffffff0") and text[-1].endswith("last")
    assert len(drawing.draw(0, drawing.size[1] - 2, 80, 50)) == 2


def test_no_special_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "sock"))
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    said: dict[str, str] = {}
    paths = {name: str(tmp_path / name) for name in ("fifo", "sock", "link", "none/of/it")}
    paths |= {"device": "/dev/zero", "nul": "a\0b", "long": "/" + "x" * 5000}

    def read() -> None:
        said.update({name: read_file(path).sentence for name, path in paths.items()})

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    listener.close()
    assert said["fifo"] == "a FIFO: only regular files are shown"
    assert said["sock"] == "a socket: only regular files are shown"
    assert said["device"] == "a character device: only regular files are shown"
    assert said["link"] == f"a link to {tmp_path}/gone, which does not exist"
    assert said["none/of/it"].endswith(f"its directory {tmp_path}/none/of does not exist")
    assert said["nul"].startswith("cannot be read") and said["long"].startswith("cannot be read")


def test_directory(tmp_path: Path) -> None:
    assert read_file(str(tmp_path)).sentence == "the directory is empty"
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_text("12345")
    (tmp_path / "c").symlink_to("nowhere")
    os.mkfifo(tmp_path / "d")
    entries = read_file(str(tmp_path)).entries
    assert [(one.name, one.kind, one.size) for one in entries][:2] == [
        ("b", "directory", entries[0].size), ("a", "file", 5),
    ]  # fmt: skip
    assert [one.kind for one in entries[2:]] == ["dangling link", "FIFO"]


def test_states_of_a_path(tmp_path: Path) -> None:
    file = tmp_path / "a"
    assert disk_state(str(file)).kind == "missing"
    file.write_text("1")
    first = disk_state(str(file))
    file.write_text("22")
    assert first.size == 1 and disk_state(str(file)).identity != first.identity
    assert read_file("/proc/self/status").kind.view is View.EXCERPT
    file.write_text("")
    assert read_file(str(file)).sentence == "the file is empty"


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_text("secret")

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert read_file(str(file)).sentence == "cannot be read: Permission denied"


# -- tables ----------------------------------------------------------------------------------------


def test_table(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('name;n\n"x;1";10\nb;9\n\nc\n')
    found = table_rows(read_file(str(file)))
    assert found is not None
    rows = found
    assert [column.title for column in rows.columns] == ["", "name", "n"]
    assert [column.align for column in rows.columns] == ["right", "left", "right"]
    assert [rows.records[key][1] for key in rows.keys("1", False)] == [["b", "9"], ["x;1", "10"],
                                                                       ["c"]]  # fmt: skip


def test_head_and_tail_of_a_large_table(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    with file.open("w") as out:
        out.write("number\ttext\n")
        out.writelines(f"{number}\t{'x' * 90}\n" for number in range(20_000))
    found = table_rows(read_file(str(file)))
    assert found is not None
    records = list(found.records.values())
    assert records[0][1][0] == "0" and records[-1][1][0] == "19999"
    gap = next(place for place, (number, _) in enumerate(records) if number == "⋯")
    assert records[gap][1][0].endswith("not shown ⋯")
    assert all(len(row) == 2 for number, row in records if number != "⋯")


def test_not_a_table(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('"' + "x" * 200_000)  # longer than a field may be
    assert table_rows(read_file(str(file))) is None
    file.write_text("a,b\n" + '"' + "x" * 140_000)
    shown = read_shown(str(file))
    assert shown.rows is None and shown.content.kind.view is View.TEXT


def test_text_without_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": "' + "\x1b[2J" + "x" * 600_000 + 'end"}')
    content = read_file(str(file))
    assert content.kind.view is View.EXCERPT
    lines = ["".join(text for text, _ in line) for line in excerpt(content, 60).lines]
    assert lines[0].startswith('  {"a": "�[2Jxxx') and lines[-1].endswith('end"}')
    assert any(line.endswith("not shown ⋯") for line in lines) and max(map(len, lines)) <= 60
