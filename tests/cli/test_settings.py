"""Settings: precedence, names of databases, and errors of invalid files."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from torc_tui import settings
from torc_tui.cli.config import problems_of
from torc_tui.errors import SettingsError


@pytest.fixture(autouse=True)
def home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TORC_DATABASE")
    return place.parent / "home"


def user_config(home: Path, text: str) -> None:
    path = home / ".config/torc/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.mark.parametrize("xdg", [None, "/somewhere"])
def test_folders_are_those_of_platformdirs(
    xdg: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if xdg:
        for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            monkeypatch.setenv(name, xdg)
    assert settings.data_dir() == platformdirs.user_data_dir("torc", False)
    assert settings.state_dir() == platformdirs.user_state_dir("torc", False)
    assert (
        settings.config_paths()[1][1]
        == platformdirs.user_config_dir("torc", False) + "/config.toml"
    )


def test_precedence_of_database_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.database_url() == f"sqlite:///{home}/.local/share/torc/torc.db"
    user_config(home, 'database = "user.db"')
    assert settings.database_url() == f"sqlite:///{home}/.config/torc/user.db"
    Path("torc.toml").write_text('database = "near.db"')
    assert settings.database_url() == f"sqlite:///{Path.cwd()}/near.db"
    monkeypatch.setenv("TORC_DATABASE", "/var/env.db")
    assert settings.database_url() == "sqlite:////var/env.db"
    assert settings.database_url("~/option.db") == f"sqlite:///{home}/option.db"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("/a/b.db", "sqlite:////a/b.db"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("/a/../b c.db", "sqlite:////b c.db"),
        ("postgres://h/n", "postgresql+psycopg://h/n"),
        ("postgresql://u:p@h:1/n?host=/run", "postgresql+psycopg://u:p@h:1/n?host=/run"),
        ("postgresql+psycopg:///n", "postgresql+psycopg:///n"),
    ],
)
def test_urls(given: str, url: str) -> None:
    assert settings.normal_url(given) == url


@pytest.mark.parametrize("given", ["mysql://h/n", "a?b", "sqlite://", "sqlite:///:memory:"])
def test_invalid_database_settings(given: str) -> None:
    with pytest.raises(SettingsError):
        settings.normal_url(given)


def test_layers_and_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_config(home, '[client]\nformat = "json"\n[client.run]\nnum_cpus = 3\nmemory_gb = 2\n')
    Path("torc.toml").write_text("[client.run]\nnum_cpus = 5\n")
    monkeypatch.setenv("TORC_CLIENT__RUN__NUM_GPUS", "2")
    found = settings.load()
    assert [found.get(f"client.run.{key}") for key in ("num_cpus", "memory_gb", "num_gpus")] == [
        5,
        2.0,
        2,
    ]
    assert found.get("client.format") == "json"
    assert found.origins["client.run.num_cpus"] == "torc.toml"
    assert found.origins["client.run.num_gpus"] == "TORC_CLIENT__RUN__NUM_GPUS"
    assert found.get("client.run.output_dir") is None


@pytest.mark.parametrize(
    ("text", "where"),
    [("a = 1\nb = = 2\n", "torc.toml:2:5"), ("a = 1\nb =", "torc.toml:2"), ('x = "\xff"', None)],
)
def test_a_bad_file_is_named_with_its_line(text: str, where: str | None) -> None:
    Path("torc.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert (where or "torc.toml:1: not valid UTF-8") in str(caught.value)


def test_values_of_a_wrong_type_and_unused_keys_are_named() -> None:
    Path("torc.toml").write_text(
        'datbase = "x"\n[client.run]\nnum_cpus = "many"\n[server]\nport = 1\n'
    )
    found = settings.load()
    with pytest.raises(
        SettingsError, match=r"torc.toml: client.run.num_cpus must be a whole number, not 'many'"
    ):
        found.get("client.run.num_cpus")
    assert problems_of(found) == [
        "torc.toml: datbase is not a setting; did you mean database?",
        "torc.toml: client.run.num_cpus must be a whole number, not 'many'",
    ]


def test_a_deleted_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert settings.database_url().endswith("torc.db")
    with pytest.raises(SettingsError, match="no longer exists"):
        settings.database_url("relative.db")


def test_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    monkeypatch.delenv("USERNAME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert settings.user_name() == "root"
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # nobody's
    assert settings.user_name() == "unknown"
    monkeypatch.setenv("USER", "ada")
    assert settings.actor() == f"ada@{os.uname().nodename}"


def test_keys_of_older_files_are_reported() -> None:
    found = settings.Settings()
    found.merge({"client": {"log_level": "debug", "run": {"poll_interval": 5}}}, "torc.toml")
    assert problems_of(found) == [
        "torc.toml: client.log_level has no effect",
        "torc.toml: client.run.poll_interval has no effect",
    ]


def test_every_key_is_read_somewhere() -> None:
    """``client.run`` is read key by key, by the names of its options."""
    texts = "".join(
        path.read_text()
        for path in (Path(settings.__file__).parent).rglob("*.py")
        if path.stem != "settings"
    )
    unread = [
        key
        for key in settings.KEYS
        if key not in ("database", "safe_directories")  # read by settings itself
        and f'"{key}"' not in texts
        and f'value("{key.removeprefix("client.run.")}")' not in texts
    ]
    assert not unread


@pytest.fixture
def of_another_user(place: Path) -> Path:
    """A ``torc.toml`` here that another user could have put there."""
    path = place / "torc.toml"
    path.write_text('database = "/somewhere/theirs.db"\n')
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, 12345)
    return path


def test_a_local_file_of_another_user_is_ignored(
    of_another_user: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_url() == f"sqlite:///{home}/.local/share/torc/torc.db"
    (notice,) = settings.take_notices()
    assert notice.startswith("torc.toml is ignored because it belongs to uid 12345; to use it, add")
    assert settings.take_notices() == []
    user_config(home, f'safe_directories = ["/elsewhere", "{of_another_user.parent}"]\n')
    assert settings.database_url() == "sqlite:////somewhere/theirs.db"
    (home / ".config/torc/config.toml").write_text('safe_directories = ["*"]\n')
    assert settings.database_url() == "sqlite:////somewhere/theirs.db"
    assert settings.take_notices() == []


def test_local_file_cannot_trust_itself(of_another_user: Path) -> None:
    of_another_user.write_text('safe_directories = ["*"]\ndatabase = "/somewhere/theirs.db"\n')
    assert "theirs" not in settings.database_url()


def test_a_local_file_of_root_is_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "torc.toml").write_text('database = "/somewhere/ours.db"\n')
    assert settings.database_url() == "sqlite:////somewhere/ours.db"
    if os.geteuid() == 0:
        monkeypatch.setattr("os.geteuid", lambda: 12345)
        assert settings.database_url() == "sqlite:////somewhere/ours.db"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("memory_gb", "1e300", "must be from 0 to"),
        ("memory_gb", "nan", "must be from 0 to"),
        ("memory_gb", "-1", "must be from 0 to"),
        ("num_cpus", "0", "must be from 1 to"),
        ("num_cpus", str(1 << 63), "must be from 1 to"),
        ("num_cpus", "2.5", "must be a whole number"),
        ("num_gpus", "-1", "must be from 0 to"),
        ("grace", "inf", "must be from 0 to"),
        ("grace", "[]", "must be a number"),
        ("max_parallel_jobs", "true", "must be a whole number"),
    ],
)
@pytest.mark.parametrize("where", ["file", "environment"])
def test_numbers_out_of_range(
    where: str, key: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "file":
        Path("torc.toml").write_text(f"[client.run]\n{key} = {value}\n")
    else:
        monkeypatch.setenv(f"TORC_CLIENT__RUN__{key.upper()}", value)
    found = settings.load()
    with pytest.raises(SettingsError, match=rf"client.run.{key} {words}"):
        found.get(f"client.run.{key}")
    assert len(problems_of(found)) == 1


def test_invalid_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORC_CLIENT__JSON", "lines")
    assert problems_of(settings.load()) == [
        "TORC_CLIENT__JSON: client.json must be array or items, not 'lines'"
    ]


def test_private_directories(place: Path) -> None:
    made = place / "a" / "b"
    settings.make_private(str(made))
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o770)  # shared on purpose
    settings.make_private(str(made))
    assert made.stat().st_mode & 0o777 == 0o770
    (place / "file").touch()
    with pytest.raises(FileExistsError):
        settings.make_private(str(place / "file"))


def test_system_names_beyond_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"USER", b"J\xfcrgen")
    assert settings.user_name() == "J\\udcfcrgen"
