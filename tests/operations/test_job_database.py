"""Jobs get the password of the database by a private file only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from torc_tui.operations.job_environment import job_url, workflow_variables
from torc_tui.redaction import password_of
from torc_tui.store.database import Store


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def passfile(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["passfile"][0])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://ada:s3%3Acr@db:5433/torc?connect_timeout=2",
         "postgresql+psycopg://ada@db:5433/torc?connect_timeout=2&passfile="),
        ("postgresql+psycopg:///torc?host=%2Frun&password=s3%3Acr&user=ada",
         "postgresql+psycopg:///torc?host=%2Frun&user=ada&passfile="),
        ("postgresql+psycopg://:s3%3Acr@/torc", "postgresql+psycopg:///torc?passfile="),
    ],
)  # fmt: skip
def test_a_password_goes_into_a_file(url: str, shown: str) -> None:
    found = job_url(url)
    assert found.startswith(shown)
    assert password_of(found) is None and "s3" not in found
    path = passfile(found)
    assert path.read_text() == "*:*:*:*:s3\\:cr\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert job_url(url) == found and len(list(path.parent.iterdir())) == 1
    assert job_url(found) == found  # as inside a job


def test_url_without_password(state: Path) -> None:
    for url in ("sqlite:////a/b?c", "postgresql+psycopg://ada@db/torc"):
        assert job_url(url) == url
    assert not list(state.iterdir())


def test_the_environment_of_jobs() -> None:
    url = "postgresql+psycopg://ada:s3cret@db/torc"
    found = workflow_variables(
        store_url=url, workflow_id=1, run_id=1, directory="/", output_dir="/o"
    )
    assert "s3cret" not in str(found)


def test_server_accepts_the_password_file(postgresql_url: str) -> None:
    """The private server trusts everybody: libpq must accept the URL and the file."""
    import psycopg

    with_password = postgresql_url.replace("torc@", "torc:s3cret@")
    with psycopg.connect(job_url(with_password).replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_new_database_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("TORC_DATABASE", raising=False)
    path = tmp_path / "data" / "torc" / "torc.db"
    Store.open(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
