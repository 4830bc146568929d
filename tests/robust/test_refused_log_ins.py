"""Log-ins that PostgreSQL refuses, and invalid URLs: errors never contain the password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.errors import SchemaMismatch, SettingsError, StoreError
from torc_tui.store.database import Store

PASSWORD = "s3cr3t-word"
RUNNING = "is the server running"


@pytest.fixture
def refusal(postgresql_own: Any) -> Callable[[str], StoreError]:
    """Open a database of a server that wants a password; return the error."""
    import psycopg

    plain = postgresql_own.url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE ada LOGIN PASSWORD '{PASSWORD}'")
    (postgresql_own.folder / "data" / "pg_hba.conf").write_text("local all all scram-sha-256\n")
    postgresql_own.call("pg_ctl", "reload")

    def call(url: str) -> StoreError:
        with pytest.raises(StoreError) as caught:
            Store.open(url.replace("SERVER", f"host={postgresql_own.folder}"))
        return caught.value

    return call


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:wr0ng-word@/postgres?SERVER", "postgresql://ada@/postgres?SERVER&password=wr0ng-word",
     "postgresql://eve:wr0ng-word@/postgres?SERVER"],
)  # fmt: skip
def test_a_wrong_password(refusal: Any, url: str) -> None:
    error = refusal(url)
    assert error.message.startswith("wrong user or password for the database ")
    assert error.hint.startswith("check the user name, the password, ")
    assert "wr0ng" not in str(error) + error.hint and RUNNING not in error.hint


def test_other_refusals(refusal: Any, postgresql_own: Any) -> None:
    missing = refusal("postgresql://ada@/postgres?SERVER")
    assert missing.message.endswith("needs a password")
    name = refusal(f"postgresql://ada:{PASSWORD}@/nodb?SERVER")
    assert name.message.startswith("log-in refused by ") and "nodb" in name.message
    assert RUNNING not in name.hint and PASSWORD not in str(name)
    postgresql_own.stop()
    silent = refusal(f"postgresql://ada:{PASSWORD}@/postgres?SERVER")
    assert silent.message.startswith("no answer from ") and RUNNING in silent.hint
    assert PASSWORD not in str(silent) + silent.hint
    postgresql_own.start()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:p4rt@s3cond@h/d",
        "postgresql://ada:p4rt s3cond@h/d",
        "postgresql://ada:p4rt%zzs3cond@h/d",
        "postgresql://ada:p4rt%s3cond@h/d",
        "postgresql://ada:p4rt/s3cond@h/d",
        "postgresql://ada:12/s3cond@h/d",
        "postgresql://ada:p4rt?s3cond@h/d",
        "postgresql://ada:12?s3cond@h/d",
        "postgresql://ada:x@h:p4rt/d",
        "postgres://ada:x@h:1,h2:p4rt/d",
    ],
)
def test_a_url_that_cannot_be_read(url: str) -> None:
    """libpq takes parts of such a password for a host, a port or a name, and shows them."""
    with pytest.raises(SettingsError) as caught:
        Store.open(url)
    assert caught.value.message.startswith("the URL of the database cannot be read: ")
    assert "%40" in str(caught.value.hint)
    assert not any(part in f"{caught.value} {caught.value.hint}" for part in ("p4rt", "s3cond"))


@pytest.mark.parametrize("parameter", ["bogus=1", "connect_timeout=abc"])
def test_an_unknown_parameter(parameter: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SettingsError) as caught:
        Store.open(f"postgresql://ada:{PASSWORD}@h/d?{parameter}")
    assert caught.value.message.startswith("the URL of the database cannot be used: ")
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url",
    ["postgresql://", "postgresql:///d?host=/tmp", "postgresql://a:b%40c%25@[::1]:5432/d",
     "postgresql://a:b:c@h1:1,h2:2/d?options=-csearch_path%3Dx&target_session_attrs=any",
     "postgresql+psycopg://%2Ftmp/d", "postgres://a@h/d?"],
)  # fmt: skip
def test_urls_that_can_be_read(url: str) -> None:
    from torc_tui.settings import normal_url

    assert normal_url(url) == "postgresql+psycopg://" + url.partition("://")[2]


@pytest.mark.parametrize(
    "table",
    ["meta (x int)", "meta (key text, value text)", "job (x int)", "workflow (id int)"],
    ids=lambda table: table.partition(" ")[0],
)
def test_tables_of_another_program(postgresql_url: str, table: str) -> None:
    import psycopg

    with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {table}")
        for _ in range(2):
            with pytest.raises(SchemaMismatch, match="of another program"):
                Store.open(postgresql_url)
        found = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
        )
        assert found.fetchone() == (1,)
