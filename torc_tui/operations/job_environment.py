"""Compute the environment of a job, and the line for bash that reproduces the job.

Input: the environment of the runner, and the `env` of a workflow and a job. Output: names and
values, for the engine that starts the job and for the app that opens a shell for it.

Jobs find a directory first on their PATH that holds `torc` and `torc-client` only: so `torc` in a
job is the program that runs it, while `python` is that of the user. They get the URL of the
database without its password, because an environment ends up in logs and in the reports of other
programs: ``passfile=`` names a private file that libpq reads. The user's own password file and
``PGPASSFILE`` are not touched.

Invariants
* The directory for PATH belongs to this user and nobody else may write to it. It becomes visible
  complete, by a rename. Its name is a hash of its contents, so that other versions and
  installations of torc have their own, and running jobs keep theirs.
* A job has the user's environment, below the workflow's `env`, below its own, below `TORC_…`.
* `$NAME` and `${NAME}` in a value of `env` are expanded from the runner's environment only.
* PATH is the user's or that of `env`, with the directory of `torc` in front.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import sys
from _blake2 import blake2b  # that of hashlib, without OpenSSL
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from torc_tui import settings
from torc_tui.errors import UsageError
from torc_tui.lazy_regex import regex
from torc_tui.model import Allocation, Gpu
from torc_tui.redaction import password_of
from torc_tui.resources.binding import environment as gpu_environment
from torc_tui.resources.gpus import DEFAULT_RULES, GpuRules
from torc_tui.shell_text import interpreter, invocation_kind

PROGRAMS = {"torc": "main", "torc-client": "main_client"}
"""Name of a launcher -> function of `torc_tui.cli.main`."""
LONGEST_SHEBANG = 120
"""Bytes of the first line of a script that every kernel reads."""


def command_directory() -> str | None:
    """Return the directory, created if needed; None if it cannot be created anywhere."""
    if not sys.executable:
        return None
    return _directory_for(settings.state_dir())


@cache
def _directory_for(state_dir: str) -> str | None:
    launchers = {name: _launcher(function) for name, function in PROGRAMS.items()}
    texts = "\0".join(launchers.values()).encode(errors="surrogateescape")
    digest = blake2b(texts, digest_size=8)
    for parent in _places(state_dir):
        try:
            return str(_provide(parent, digest.hexdigest(), launchers))
        except OSError:
            continue
    return None


def _places(state_dir: str) -> Iterator[Path]:
    """Yield the directories to try: the state directory, then one for temporary files."""
    yield Path(state_dir) / "bin"
    import tempfile  # slow, and rarely needed

    yield Path(tempfile.gettempdir()) / f"torc-{os.geteuid()}"


def _launcher(function: str) -> str:
    """Return the text of a program that calls ``function`` as this process would.

    Variables such as PYTHONPATH and PYTHONHOME belong to the programs of the job, so the launcher
    ignores them (-E). It finds this package and its dependencies where they are now, and so it does
    without the module `site` (-S), whose import takes a quarter of the start of Python.
    """
    python = sys.executable
    if " " in python or len(python) > LONGEST_SHEBANG:
        # sh runs the second line, and Python reads it as a part of a string.
        first = f"#!/bin/sh\n'''exec' \"{python}\" -ES \"$0\" \"$@\"\n' '''\n"
    else:
        first = f"#!{python} -ES\n"
    package = str(Path(__file__).resolve().parents[2])
    paths = [path for path in sys.path[1:] if Path(path).is_absolute()]
    if package not in paths:
        paths.insert(0, package)
    return (
        f"{first}import sys\n"
        f"sys.path = {paths!r}\n"
        f"from torc_tui.cli.main import {function}\n"
        f"sys.exit({function}())\n"
    )


def _provide(parent: Path, name: str, launchers: dict[str, str]) -> Path:
    """Return ``parent/name`` with these launchers; raise OSError if that is not possible."""
    settings.make_private(str(parent.parent))
    settings.make_private(str(parent))
    if not _is_private(parent, stat.S_ISDIR) or os.statvfs(parent).f_flag & os.ST_NOEXEC:
        raise PermissionError(f"{parent} cannot hold programs for this user only")
    wanted = parent / name
    if _is_complete(wanted, launchers):
        return wanted
    made = _new_directory(parent, ".new-")
    try:
        for program, text in launchers.items():
            (made / program).write_text(text, encoding="utf-8", errors="surrogateescape")
            (made / program).chmod(0o700)
        _move_into_place(made, wanted, launchers)
    except BaseException:
        import shutil  # slow, and rarely needed

        shutil.rmtree(made, ignore_errors=True)
        raise
    return wanted


def _move_into_place(made: Path, wanted: Path, launchers: dict[str, str]) -> None:
    try:
        made.rename(wanted)
        return
    except OSError:
        import shutil  # slow, and rarely needed

        if _is_complete(wanted, launchers):  # another process was faster
            shutil.rmtree(made, ignore_errors=True)
            return
        if not os.path.lexists(wanted):
            raise
    damaged = _new_directory(wanted.parent, ".old-") / wanted.name
    wanted.rename(damaged)
    made.rename(wanted)
    shutil.rmtree(damaged.parent, ignore_errors=True)


def _new_directory(parent: Path, prefix: str) -> Path:
    """Make a directory for this user only, with a name that nobody can expect."""
    made = parent / f"{prefix}{os.urandom(8).hex()}"
    made.mkdir(0o700)
    return made


def _is_complete(directory: Path, launchers: dict[str, str]) -> bool:
    if not _is_private(directory, stat.S_ISDIR):
        return False
    if {path.name for path in directory.iterdir()} != set(launchers):
        return False
    return all(
        _is_private(directory / name, stat.S_ISREG)
        and (directory / name).read_bytes() == text.encode(errors="surrogateescape")
        and os.access(directory / name, os.X_OK)
        for name, text in launchers.items()
    )


def _is_private(path: Path, kind: Callable[[int], bool]) -> bool:
    """Return whether this is a file of that kind, not a link, that only this user may change."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return kind(status.st_mode) and status.st_uid == os.geteuid() and not writable_by_others


def job_url(url: str) -> str:
    """Return the URL that jobs get; write the password file that it names, if it needs one."""
    password = password_of(url) if not url.startswith("sqlite") else None
    if password is None:
        return url
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    host = parts.netloc.rpartition("@")[2]
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("password", "passfile")]
    query.append(("passfile", _password_file(url, password)))
    netloc = f"{user}@{host}" if user else host
    return f"{parts.scheme}://{netloc}{parts.path}?{urlencode(query)}"


def _password_file(url: str, password: str) -> str:
    """Write the password file of a URL and return its path; the same URL has the same file."""
    settings.make_private(settings.state_dir())
    directory = Path(settings.state_dir(), "passwords")
    settings.make_private(str(directory))
    import hashlib  # it loads OpenSSL, and few URLs have a password

    path = directory / hashlib.sha256(url.encode()).hexdigest()[:32]
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    new = Path(f"{path}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(f"*:*:*:*:{escaped}\n")
    new.replace(path)
    return str(path)


_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = regex(rf"\$(?P<literal>\$?)(?:(?P<plain>{_NAME})|{{(?P<braced>{_NAME})}})")


def user_environment() -> dict[str, str]:
    """Return the environment in which this process was started.

    In the C locale, Python sets LC_CTYPE for itself (PEP 538). The jobs must not inherit it.
    """
    environment = dict(os.environ)
    if "LC_CTYPE" in environment:
        try:
            initial = Path("/proc/self/environ").read_bytes()
        except OSError:
            return environment
        if b"\0LC_CTYPE=" not in b"\0" + initial:
            del environment["LC_CTYPE"]
    return environment


def expand(env: Mapping[str, str], environment: Mapping[str, str], owner: str) -> dict[str, str]:
    """Return ``env`` with its references to variables of ``environment`` replaced.

    ``$$NAME`` becomes a literal ``$NAME``, and every other ``$`` stays. Raise UsageError for a
    variable that is not set; ``owner`` says whose `env` this is.
    """
    expanded: dict[str, str] = {}
    for key, value in env.items():

        def replacement(found: re.Match[str], key: str = key) -> str:
            if found["literal"]:
                return found[0][1:]
            name = found["plain"] or found["braced"]
            if name not in environment:
                raise UsageError(
                    f"env of {owner}: {key} uses ${name}, which is not set",
                    hint=f"set {name} before the run, or write $${name} for a literal ${name}",
                )
            return environment[name]

        expanded[key] = _REFERENCE.sub(replacement, value) if "$" in value else value
    return expanded


def own_variables(env: str | None, environment: Mapping[str, str], job_name: str) -> dict[str, str]:
    """Return the expanded `env` of a job, which the database holds as JSON."""
    return expand(json.loads(env), environment, f"job {job_name!r}") if env else {}


def with_commands(path: str | None) -> str:
    """Return a PATH that begins with the directory of `torc`."""
    directory = command_directory()
    rest = os.defpath if path is None else path
    if directory is None:
        return rest
    others = [entry for entry in rest.split(os.pathsep) if entry != directory]
    return os.pathsep.join([directory, *others]) if rest else directory


def workflow_variables(
    *, store_url: str, workflow_id: int, run_id: int, directory: str, output_dir: str
) -> dict[str, str]:
    """Return the TORC variables that all jobs of a run share."""
    return {
        "TORC_DATABASE": job_url(store_url),
        "TORC_WORKFLOW_ID": str(workflow_id),
        "TORC_OUTPUT_DIR": output_dir,
        "TORC_WORKFLOW_SUBMISSION_DIR": directory,
        "TORC_RUN_ID": str(run_id),
    }


def attempt_variables(
    *,
    job_id: int,
    name: str,
    attempt_id: int,
    allocation: Allocation,
    gpus: Sequence[Gpu] = (),
    gpus_by_index: bool = False,
    gpu_rules: GpuRules = DEFAULT_RULES,
) -> dict[str, str]:
    """Return the variables of one attempt: its ids, and the GPUs that it sees."""
    own = gpus if allocation.gpus else ()
    return {
        "TORC_JOB_ID": str(job_id),
        "TORC_JOB_NAME": name,
        "TORC_ATTEMPT_ID": str(attempt_id),
        **gpu_environment(allocation, own, by_index=gpus_by_index, rules=gpu_rules),
    }


def lineage_variables(name: str, spawn: str | None) -> dict[str, str]:
    """Return the lineage of a job and its generation; ``spawn`` tells how the job was added.

    A job that was not added by another job begins a lineage.
    """
    lineage, generation = json.loads(spawn)[4:6] if spawn else (name, 0)
    return {"TORC_LINEAGE": lineage, "TORC_GENERATION": str(generation)}


def shell_line(
    directory: str,
    variables: Mapping[str, str],
    command: str,
    invocation_script: str | None = None,
    shell: str | None = None,
) -> str:
    """Return one line for bash that does what the job does.

    It runs in the directory of the job, with its variables and its invocation script or shell. A
    PATH in ``variables`` is that of `env`.
    """
    script = (invocation_script or "").strip()
    around = ""
    if script:
        kind = invocation_kind(script)
        if kind == "prefix":
            command = f"{script} {command}"
        elif kind == "shell":
            around = f"bash -c {shlex.quote(script)} bash "
        else:
            around = (
                f"{shlex.join(interpreter(script))} <(printf %s {shlex.quote(script + chr(10))}) "
            )
    words = [f"{key}={shlex.quote(value)}" for key, value in variables.items() if key != "PATH"]
    if "PATH" in variables:
        words.append(f"PATH={shlex.quote(with_commands(variables['PATH']))}")
    elif commands := command_directory():
        words.append(f'PATH={shlex.quote(commands)}:"$PATH"')
    start = f"env {' '.join(words)} {around}{shell or 'bash -c'} {shlex.quote(command)}"
    return f"cd {shlex.quote(directory)} && {start}"
