"""No password is left in a text that is shown."""

from __future__ import annotations

import pytest

from torc_tui.redaction import may_contain_secret, password_of, redact, redact_value

URL = "postgresql+psycopg://ada:s3cr%24t@db:5432/torc?connect_timeout=2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ada:s3cret@db/torc", "postgresql://ada:***@db/torc"),
        ("postgresql://ada:s3@cret@db/torc", "postgresql://ada:***@db/torc"),
        ("postgresql://:s3cret@db/torc", "postgresql://:***@db/torc"),
        ("postgresql://db/torc?user=a&password=s3cret&x=1", "postgresql://db/torc?user=a&password=***&x=1"),
        ("at 'postgresql://db/torc?password=s3cret'.", "at 'postgresql://db/torc?password=***'."),
        ("host=db password=s3cret user=a", "host=db password=*** user=a"),
        ("host=db password = 's3 cr\\'et' user=a", "host=db password = *** user=a"),
        ("PGPASSWORD=s3cret torc", "PGPASSWORD=*** torc"),
        ("api_token=s3cret", "api_token=***"),
        ("postgresql://db:5432/torc", "postgresql://db:5432/torc"),
        ("postgresql://[::1]:5432/torc", "postgresql://[::1]:5432/torc"),
        ("https://host:80/a@b", "https://host:80/a@b"),
        ("password authentication failed for user", "password authentication failed for user"),
    ],
)  # fmt: skip
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert may_contain_secret(text) or text == shown


def test_a_password_by_itself() -> None:
    """As libpq writes it: `invalid percent-encoded token: "s3cr%24t"`."""
    assert redact('invalid token: "s3cr%24t"', [URL]) == 'invalid token: "***"'
    assert redact("near s3cr$t or so", [URL]) == "near *** or so"
    assert redact("a b", ["postgresql://u:a@h/d"]) == "a b"


def test_password_of() -> None:
    assert password_of(URL) == "s3cr$t"
    assert password_of("postgresql:///torc?password=a%20b&host=/run") == "a b"
    assert password_of("postgresql://u@h/torc") is None
    assert password_of("/a/b.db") is None


def test_redact_value() -> None:
    assert redact_value("server.password", "x") == "***"
    assert redact_value("database", "postgresql://a:b@c/d") == "postgresql://a:***@c/d"
    assert redact_value("client.run.num_cpus", 4) == 4
