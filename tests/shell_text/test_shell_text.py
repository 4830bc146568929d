"""Which parts of a command bash reads as commands, and which it quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.shell_text import HIDDEN, plain_text, shell_parts


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a > b", "a > b"),
        ("a '> b' > c", "a ..... > c"),
        ("awk '$3 > 10' f", "awk ......... f"),
        ('echo "a > b" c', "echo ....... c"),
        ('x="$(cat f > g)" y', "x=.$(cat f > g). y"),
        ("x=`cat f` y", "x=....... y"),
        ("a # > b\nc", "a .....\nc"),
        ("a#b", "a#b"),
        ("cat <<EOF > f\nx > y\nEOF\nb", "cat <<EOF > f\n.....\n...\nb"),
        ("cat <<'E' <<-F\nx\nE\n\ty\n\tF\nb", "cat <<'E' <<-F\n.\n.\n..\n..\nb"),
        ("(( a > 1 )) && b", "........... && b"),
        ("if [[ $a > 1 ]]; then", "if ............; then"),
        ("x=(\n  --a 1\n) y", "x..\n.......\n. y"),
        (r"a \' > b", r"a \' > b"),
        (r"a $'it\'s' > b", "a $....... > b"),
        ("cat <<< 'x' > b", "cat <<< ... > b"),
        ("", ""),
    ],
)
def test_plain_text(text: str, plain: str) -> None:
    assert plain_text(text).replace(HIDDEN, ".") == plain


@given(st.text(alphabet="ab$ ()'\"\\`#<>E\n[]=", max_size=40))
def test_every_character_belongs_to_one_part(text: str) -> None:
    at = 0
    for part in shell_parts(text):
        assert part.start == at
        at = part.end
    assert at == len(text)
    assert len(plain_text(text)) == len(text)
