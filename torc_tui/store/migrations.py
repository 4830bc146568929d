"""Bring the tables of an earlier version up to date.

Input: a driver's connection inside a transaction. Each step turns a version of the schema into the
next one. The texts never change: they describe the schema of that time, not of today.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torc_tui.status import JobStatus

if TYPE_CHECKING:
    from torc_tui.store.connect import Dbapi

Step = Callable[["Dbapi", str], None]

_REQUIREMENTS = """
    id INTEGER NOT NULL, workflow_id INTEGER NOT NULL, name TEXT NOT NULL,
    num_cpus INTEGER NOT NULL, memory BIGINT, num_gpus FLOAT NOT NULL, gpu_memory BIGINT,
    gpu_model TEXT, num_nodes INTEGER NOT NULL, runtime FLOAT, PRIMARY KEY (id),
    FOREIGN KEY(workflow_id) REFERENCES workflow (id) ON DELETE CASCADE
"""
_WITH_PARTS_OF_CPUS = """
    id INTEGER NOT NULL, workflow_id INTEGER NOT NULL, name TEXT NOT NULL,
    num_cpus FLOAT NOT NULL, memory BIGINT, num_gpus FLOAT NOT NULL, gpu_memory BIGINT,
    gpu_model TEXT, num_nodes INTEGER NOT NULL, runtime FLOAT, edited TEXT, PRIMARY KEY (id),
    FOREIGN KEY(workflow_id) REFERENCES workflow (id) ON DELETE CASCADE
"""
_NEW_COLUMNS = {
    "workflow": ("real_path TEXT", "set_values TEXT", "file_hash TEXT"),
    "job": (
        "options TEXT",
        "labels TEXT",
        "suspended BOOLEAN DEFAULT false NOT NULL",
        "lost INTEGER DEFAULT 0 NOT NULL",
        "grown TEXT",
    ),
    "result": ("log_stem TEXT", "signature TEXT"),
    "compute_node": (
        "machine_id TEXT",
        "pid_namespace TEXT",
        "location TEXT",
        "node_name TEXT",
        "allocation_id INTEGER",
        "ends_at FLOAT",
        "heartbeats INTEGER DEFAULT 0 NOT NULL",
        "lease_seconds FLOAT",
        "labels TEXT",
    ),
}
_NEW_TABLES = (
    """
    CREATE TABLE allocation (
        id INTEGER NOT NULL, workflow_id INTEGER NOT NULL, run_id INTEGER, engine TEXT NOT NULL,
        cluster TEXT, native_id TEXT, queue_group TEXT, scheduler TEXT, state TEXT NOT NULL,
        outcome TEXT, reason TEXT, nodes INTEGER, nodelist TEXT, cpus INTEGER, memory BIGINT,
        gpus TEXT, walltime FLOAT, submitted_at FLOAT, starts_at FLOAT, started_at FLOAT,
        ends_at FLOAT, ended_at FLOAT, restarts INTEGER NOT NULL, jobs_started INTEGER NOT NULL,
        script TEXT, stdout TEXT, stderr TEXT, actor TEXT, settings TEXT, PRIMARY KEY (id),
        UNIQUE (engine, cluster, native_id),
        FOREIGN KEY(workflow_id) REFERENCES workflow (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX allocation_by_workflow ON allocation (workflow_id)",
    """
    CREATE TABLE lease (
        name TEXT NOT NULL, holder TEXT NOT NULL, counter BIGINT NOT NULL, PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE fingerprint (
        job_id INTEGER NOT NULL, recorded_at FLOAT NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (job_id), FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE file_hash (
        device BIGINT NOT NULL, inode BIGINT NOT NULL, size BIGINT NOT NULL,
        mtime_ns BIGINT NOT NULL, ctime_ns BIGINT NOT NULL, hash TEXT NOT NULL,
        PRIMARY KEY (device, inode)
    ){without_rowid}
    """,
    """
    CREATE TABLE usage_series (
        workflow_id INTEGER NOT NULL, job_id INTEGER NOT NULL, run_id INTEGER NOT NULL,
        attempt_id INTEGER NOT NULL, series {blob} NOT NULL,
        PRIMARY KEY (job_id, run_id, attempt_id),
        FOREIGN KEY(workflow_id) REFERENCES workflow (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX usage_series_by_workflow ON usage_series (workflow_id)",
    """
    CREATE TABLE machine_series (
        compute_node_id INTEGER NOT NULL, series {blob} NOT NULL, PRIMARY KEY (compute_node_id),
        FOREIGN KEY(compute_node_id) REFERENCES compute_node (id) ON DELETE CASCADE
    )
    """,
)
_WORDS = {
    "sqlite": {"without_rowid": " WITHOUT ROWID", "blob": "BLOB"},
    "postgresql": {"without_rowid": "", "blob": "BYTEA"},
}
_CAUSES = {"memory": "oom", "runtime": "timeout", "terminated": "canceled"}


def _from_1(raw: Dbapi, dialect: str) -> None:
    """Move the text of the workflow file to a separate table."""
    raw.execute(
        "CREATE TABLE workflow_text (workflow_id INTEGER NOT NULL PRIMARY KEY"
        " REFERENCES workflow (id) ON DELETE CASCADE, text TEXT NOT NULL)"
    )
    raw.execute("INSERT INTO workflow_text SELECT id, text FROM workflow WHERE text IS NOT NULL")
    raw.execute("ALTER TABLE workflow DROP COLUMN text")


def _from_2(raw: Dbapi, dialect: str) -> None:
    """Add tables and columns for liveness, allocations, freshness, triage and usage series."""
    for table, columns in _NEW_COLUMNS.items():
        for column in columns:
            raw.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for text in _NEW_TABLES:
        raw.execute(text.format(**_WORDS[dialect]))
    _forget_undeclared(raw)
    for old, new in _CAUSES.items():
        raw.execute(f"UPDATE result SET cause = '{new}' WHERE cause = '{old}'")
    _encode_reasons(raw, "job", dialect)
    _encode_reasons(raw, "result", dialect)


def _from_3(raw: Dbapi, dialect: str) -> None:
    """Add the reasons of holds, canaries, ignored failures, actions, and what updates plan."""
    for column in (
        "hold_reason TEXT",
        "canary BOOLEAN",
        "edited TEXT",
        "planned TEXT",
        "removed BOOLEAN DEFAULT false NOT NULL",
        "ignored BOOLEAN DEFAULT false NOT NULL",
    ):
        raw.execute(f"ALTER TABLE job ADD COLUMN {column}")
    raw.execute("ALTER TABLE resource_requirements ADD COLUMN edited TEXT")
    raw.execute("ALTER TABLE user_data ADD COLUMN file_data TEXT")
    raw.execute(
        "UPDATE user_data SET file_data = (SELECT data FROM user_data_version"
        " WHERE user_data_id = id AND user_data_version.version = 1 AND job_id IS NULL)"
    )
    for column in ("return_code INTEGER", "handled_seq BIGINT DEFAULT 0 NOT NULL"):
        raw.execute(f"ALTER TABLE action ADD COLUMN {column}")
    raw.execute(
        "CREATE INDEX job_delayed ON job (workflow_id, not_before) WHERE not_before IS NOT NULL"
    )
    raw.execute(
        "CREATE INDEX event_warnings ON event (workflow_id, seq) WHERE kind = 'job_warning'"
    )
    raw.execute("CREATE INDEX job_held ON job (workflow_id, family, hold_reason) WHERE held")


def _from_4(raw: Dbapi, dialect: str) -> None:
    """Add fractions of CPUs, indexes for labels, and jobs that are added by jobs."""
    raw.execute(f"CREATE TABLE new_requirements ({_WITH_PARTS_OF_CPUS})")
    names = (
        "id, workflow_id, name, num_cpus, memory, num_gpus, gpu_memory, gpu_model, num_nodes,"
        " runtime, edited"
    )
    raw.execute(f"INSERT INTO new_requirements ({names}) SELECT {names} FROM resource_requirements")
    _replace_requirements(raw)
    raw.execute("DROP INDEX job_ready")
    for name, condition in (("job_ready", "IS NULL"), ("job_ready_labeled", "IS NOT NULL")):
        raw.execute(
            f"CREATE INDEX {name} ON job (workflow_id, resource_class, priority DESC, id)"
            f" WHERE status = {int(JobStatus.READY)} AND NOT held AND labels {condition}"
        )
    raw.execute("CREATE INDEX job_labels ON job (workflow_id, labels) WHERE labels IS NOT NULL")
    for column in ("patterns TEXT", "spawned_by INTEGER", "spawn TEXT"):
        raw.execute(f"ALTER TABLE job ADD COLUMN {column}")
    raw.execute("CREATE INDEX job_patterns ON job (workflow_id) WHERE patterns IS NOT NULL")
    raw.execute("CREATE INDEX job_spawned ON job (spawned_by) WHERE spawned_by IS NOT NULL")


def _forget_undeclared(raw: Dbapi) -> None:
    """Let memory and runtime be NULL where a file declares none.

    Version 2 stored one hour for a runtime that is missing, and 0 or a record that is not enforced.
    """
    raw.execute(f"CREATE TABLE new_requirements ({_REQUIREMENTS})")
    raw.execute(
        "INSERT INTO new_requirements SELECT id, workflow_id, name, num_cpus,"
        " CASE WHEN enforced AND memory > 0 THEN memory END, num_gpus, gpu_memory, gpu_model,"
        " num_nodes, CASE WHEN enforced AND runtime > 0 AND runtime <> 3600 THEN runtime END"
        " FROM resource_requirements"
    )
    _replace_requirements(raw)


def _replace_requirements(raw: Dbapi) -> None:
    raw.execute("DROP TABLE resource_requirements")
    raw.execute("ALTER TABLE new_requirements RENAME TO resource_requirements")
    raw.execute(
        "CREATE INDEX resource_requirements_by_workflow ON resource_requirements (workflow_id)"
    )


def _encode_reasons(raw: Dbapi, table: str, dialect: str) -> None:
    """Turn reasons that are sentences into reasons of the kind ``text``."""
    import json

    rows = raw.execute(
        f"SELECT id, reason FROM {table} WHERE reason IS NOT NULL AND substr(reason, 1, 1) <> '{{'"
    ).fetchall()
    marks = ("?1", "?2") if dialect == "sqlite" else ("$1", "$2")
    raw.cursor().executemany(
        f"UPDATE {table} SET reason = {marks[1]} WHERE id = {marks[0]}",
        [
            (number, json.dumps({"kind": "text", "text": text}, ensure_ascii=False))
            for number, text in rows
        ],
    )


STEPS: dict[int, Step] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4}
"""Version -> step to the next version."""
