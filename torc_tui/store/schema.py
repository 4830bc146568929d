"""Define the tables of the database: SQLAlchemy metadata, and nothing else.

Everything about columns follows from here: the statements, the schema of a new database, the rows
that the program reads and writes (`torc_tui.store.generate`). The module is long because it has
one line per column.

Invariants
* Ids are given in blocks from ``counter`` and never twice, so the name of a log and TORC_JOB_ID
  stay unambiguous.
* ``event.seq`` counts per workflow, under the lock of the workflow's row; an automatic id is never
  a cursor.
* A dependency is a row (waits, for). Where many jobs wait for the same many, both sides refer to a
  *gate*: a row of ``gate`` that stands in ``dependency`` under its negative id. ``unmet`` counts
  what a job or gate still waits for, ``unsuccessful`` how many of those ended without success.
* Equal lists of files (or records) are stored once, as a group.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    text,
)

from torc_tui.status import HELD, JobStatus

VERSION = 5
"""Version of the schema. A change needs a step in `torc_tui.store.migrations`."""

CHANNEL = "torc_event"
"""Channel of PostgreSQL's notifications of new events; the payload is the workflow's id."""
RUNNER_CHANNEL = "torc_runner"
"""Channel of what runners must read at once; the payload is the workflow's id, or a location."""
PROGRESS_EVENTS = (
    "job_claimed",
    "job_started",
    "job_completed",
    "job_failed",
    "job_ready",
    "job_warning",
    "user_data_updated",
)
"""Kinds of events that change nothing for the runners of other locations."""

metadata = MetaData()


class JsonText(Text):
    """JSON as text."""


class PathText(Text):
    """A path of any bytes, as `encoding.encode_path` writes it."""


class ReasonText(Text):
    """A `Reason` as JSON; databases of earlier versions hold sentences."""


class StatusNumber(Integer):
    """The number of a `JobStatus`."""


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=False)


def _workflow(**options: Any) -> Column[int]:
    key = ForeignKey("workflow.id", ondelete="CASCADE")
    return Column("workflow_id", key, type_=Integer, **({"nullable": False} | options))


def _owned(name: str, *parts: Any) -> Table:
    """Return a table of what belongs to a workflow, with an index for it."""
    index = Index(f"{name}_by_workflow", "workflow_id")
    return Table(name, metadata, _id(), _workflow(), *parts, index)


def _flag(name: str, default: bool | None = None, **options: Any) -> Column[bool]:
    return Column(name, Boolean, nullable=False, default=default, **options)


def _where(condition: Any) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


meta = Table(
    "meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False)
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)

workflow = Table(
    "workflow",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("description", Text),
    Column("project", Text),
    Column("metadata", JsonText),
    Column("directory", PathText, nullable=False),  # where it was created; jobs run there
    Column("file", PathText),  # the workflow file; its text is in workflow_text
    Column("format", Text),
    # What makes it the same workflow as an earlier one; the name and the directory count, too.
    Column("real_path", PathText),
    Column("set_values", JsonText),  # the values of --set
    Column("file_hash", Text),
    Column("created_at", Float, nullable=False),
    Column("run_id", Integer, nullable=False, default=0),
    _flag("is_canceled", False),
    _flag("is_archived", False),
    _flag("is_paused", False),
    Column("last_seq", BigInteger, nullable=False, default=0),
    Column("env", JsonText, nullable=False, default="{}"),
    Column("execution_config", JsonText, nullable=False, default="{}"),  # model.ExecutionConfig
    _flag("use_pending_failed", False),
    _flag("require_user_data", False),
    Column("settings", JsonText, nullable=False, default="{}"),  # everything else in the file
)

# The row of a workflow is written, as a whole, with every batch of events; its file may be large.
workflow_text = Table(
    "workflow_text", metadata, _workflow(primary_key=True), Column("text", Text, nullable=False)
)

resource_requirements = _owned(
    "resource_requirements",
    Column("name", Text, nullable=False),
    Column("num_cpus", Float, nullable=False),
    Column("memory", BigInteger),  # NULL: not declared
    Column("num_gpus", Float, nullable=False),
    Column("gpu_memory", BigInteger),
    Column("gpu_model", Text),
    Column("num_nodes", Integer, nullable=False),
    Column("runtime", Float),  # NULL: not declared
    Column("edited", JsonText),  # columns that users have changed, as in job
)

failure_handler = _owned(
    "failure_handler",
    Column("name", Text, nullable=False),
    Column("rules", JsonText, nullable=False),
)

slurm_scheduler = _owned(
    "slurm_scheduler",
    Column("name", Text, nullable=False),
    Column("settings", JsonText, nullable=False),
)

action = _owned(
    "action",
    Column("trigger_type", Text, nullable=False),
    Column("action_type", Text, nullable=False),
    Column("job_ids", JsonText, nullable=False),
    Column("commands", JsonText, nullable=False),
    _flag("persistent"),
    Column("settings", JsonText, nullable=False),
    Column("executed_run_id", Integer),  # the run in which it was executed last
    Column("executed_at", Float),
    Column("return_code", Integer),  # of that execution, once it has ended
    # on_job_failed: the last event of the workflow that was examined for failures.
    Column("handled_seq", BigInteger, nullable=False, default=0, server_default=text("0")),
)

ATTEMPT: dict[str, Any] = {"info": {"attempt": True}}
"""Marks a column about the current attempt of a job: empty in a new row."""

job = Table(
    "job",
    metadata,
    _id(),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("invocation_script", Text),
    # Both again, if they name user data: lists of texts and, as numbers, the ids of records.
    Column("script", JsonText),
    Column("status", StatusNumber, nullable=False, default=int(JobStatus.UNINITIALIZED)),
    _flag("held", False),
    Column("hold_reason", ReasonText),  # if the flag alone does not tell
    # A canary of its entry; false: held until the canaries have succeeded.
    Column("canary", Boolean),
    Column("priority", Integer, nullable=False),
    # The rank of its requirements, 0 the largest; equal requirements share it.
    Column("resource_class", Integer, nullable=False),
    Column("unmet", Integer, nullable=False, default=0),
    Column("unsuccessful", Integer, nullable=False, default=0),
    _flag("cancel_on_blocking_job_failure"),
    Column("attempt_id", Integer, nullable=False, default=1),
    Column("retries", Integer, nullable=False, default=0),  # used in this run
    Column("requirement_id", Integer, nullable=False),
    Column("failure_handler_id", Integer),
    Column("scheduler", Text),
    Column("family", Text, nullable=False, key="group"),  # the job group: train_{i}
    Column("parameter_values", JsonText),
    Column("env", JsonText),
    Column("stdio", JsonText),
    Column("options", JsonText),  # JSON object: output_check, wait_for_background
    _flag("supports_termination", False),
    Column("require_user_data", Boolean),
    Column("labels", JsonText),
    Column("input_files", Integer),  # groups
    Column("output_files", Integer),
    Column("input_user_data", Integer),
    Column("output_user_data", Integer),
    # JSON object: patterns of its dependencies, by their keys in the workflow file.
    Column("patterns", JsonText),
    # The job that added this job with `torc spawn`, and a `lifecycle.spawning.Spawn` as JSON.
    Column("spawned_by", Integer),
    Column("spawn", JsonText),
    Column("compute_node_id", Integer, **ATTEMPT),
    Column("pid", Integer, **ATTEMPT),
    Column("process_started", BigInteger, **ATTEMPT),
    # [cpus, memory, [[uuid, share, memory] …]] while pending or running
    Column("allocation", JsonText, **ATTEMPT),
    # A Cause: what a user asked of the runner that holds it; "stopped": interrupted.
    Column("stop_requested", Text, **ATTEMPT),
    Column("output_dir", PathText, **ATTEMPT),  # where its logs are
    Column("started_at", Float, **ATTEMPT),
    Column("ended_at", Float, **ATTEMPT),
    Column("return_code", Integer, **ATTEMPT),
    Column("reason", ReasonText, **ATTEMPT),  # of its status, if the status alone does not tell
    Column("not_before", Float, **ATTEMPT),  # a retry waits until then
    _flag("suspended", server_default=false(), **ATTEMPT),  # by SIGSTOP
    Column("lost", Integer, nullable=False, server_default=text("0"), **ATTEMPT),  # in this run
    # By how much retries have increased its request: {requirement_id, grown_id, memory, gpu_memory,
    # runtime}. The ids are those of the requirements before and after, the others (before, after).
    Column("grown", JsonText, **ATTEMPT),
    # Columns that users have changed, with their values of the workflow file.
    Column("edited", JsonText, **ATTEMPT),
    # Values of columns that the job gets when its attempt ends.
    Column("planned", JsonText, **ATTEMPT),
    # An update took it out of the workflow; it is disabled, and only its history counts.
    _flag("removed", server_default=false(), **ATTEMPT),
    # It did not succeed, and by its failure rule that counts as a success.
    _flag("ignored", server_default=false(), **ATTEMPT),
)
JOB_DEFINITION = """
    name command invocation_script script priority canary cancel_on_blocking_job_failure
    supports_termination requirement_id resource_class failure_handler_id scheduler group
    parameter_values env stdio options require_user_data labels input_files output_files
    input_user_data output_user_data edited
"""
"""The columns of a job that say what it is, not where it stands."""
JOB_RECORD = """
    id workflow_id name command invocation_script status cancel_on_blocking_job_failure
    supports_termination requirement_id:resource_requirements_id failure_handler_id attempt_id
    priority held hold_reason group parameter_values:parameters env compute_node_id pid
    started_at ended_at return_code reason not_before allocation suspended labels planned
    grown ignored spawned_by
"""
"""The columns of a job that lists show; ``column:name`` has another name there."""
JOB_DOCUMENT = """
    id name command invocation_script script priority canary cancel_on_blocking_job_failure
    supports_termination requirement_id:resource_requirements_id failure_handler_id scheduler
    group parameter_values:parameters env stdio options require_user_data labels
    input_files:input_file_ids output_files:output_file_ids
    input_user_data:input_user_data_ids output_user_data:output_user_data_ids
    patterns spawned_by spawn edited
"""
"""The columns of a job that an exported workflow contains."""
Index("job_by_workflow", job.c.workflow_id, job.c.status)
Index("job_by_name", job.c.workflow_id, job.c.name)
_startable = and_(job.c.status == int(JobStatus.READY), ~job.c.held)
for _name, _condition in (
    ("job_ready", job.c.labels.is_(None)),
    ("job_ready_labeled", job.c.labels.is_not(None)),
):
    Index(
        _name,
        job.c.workflow_id,
        job.c.resource_class,
        job.c.priority.desc(),
        job.c.id,
        **_where(and_(_startable, _condition)),
    )
Index("job_labels", job.c.workflow_id, job.c.labels, **_where(job.c.labels.is_not(None)))
Index("job_held", job.c.workflow_id, job.c.group, job.c.hold_reason, **_where(job.c.held))
Index("job_delayed", job.c.workflow_id, job.c.not_before, **_where(job.c.not_before.is_not(None)))
Index("job_patterns", job.c.workflow_id, **_where(job.c.patterns.is_not(None)))
Index("job_spawned", job.c.spawned_by, **_where(job.c.spawned_by.is_not(None)))
Index("job_active", job.c.compute_node_id, **_where(job.c.status.in_(sorted(map(int, HELD)))))

gate = Table(
    "gate",
    metadata,
    _id(),  # positive here, negative in dependency
    _workflow(),
    Column("size", Integer, nullable=False),
    Column("unmet", Integer, nullable=False, default=0),
    Column("unsuccessful", Integer, nullable=False, default=0),
    Column("via", Text),  # the pattern, if it comes from one
    Index("gate_by_workflow", "workflow_id"),
)

dependency = Table(
    "dependency",
    metadata,
    Column("depends_on_id", Integer, primary_key=True),  # a job, or minus a gate
    Column("job_id", Integer, primary_key=True),  # a job, or minus a gate
    Column("kind", Integer, nullable=False),  # EdgeKind
    Column("via", Integer),  # id of a file or a record
    Column("workflow_id", Integer, nullable=False),
    Index("dependency_by_job", "job_id"),
    sqlite_with_rowid=False,
)

file = Table(
    "file",
    metadata,
    _id(),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("path", PathText, nullable=False),
    Column("st_mtime", Float),
    Column("st_size", BigInteger),
    Index("file_by_name", "workflow_id", "name"),
)

file_group = Table(
    "file_group",
    metadata,
    Column("group_id", Integer, primary_key=True),
    Column("file_id", Integer, primary_key=True),
    Column("workflow_id", Integer, nullable=False),
    Index("file_group_by_file", "file_id"),
    sqlite_with_rowid=False,
)

user_data = Table(
    "user_data",
    metadata,
    _id(),
    _workflow(),
    Column("name", Text, nullable=False),
    _flag("is_ephemeral", False),
    Column("data", JsonText),  # NULL stands for null
    Column("version", Integer, nullable=False, default=0),
    Column("json_schema", JsonText),
    _flag("declared", True),
    Column("file_data", JsonText),  # the value that the workflow file gave last
    UniqueConstraint("workflow_id", "name"),
)

user_data_version = Table(
    "user_data_version",
    metadata,
    Column(
        "user_data_id",
        ForeignKey("user_data.id", ondelete="CASCADE"),
        primary_key=True,
        type_=Integer,
    ),
    Column("version", Integer, primary_key=True),
    Column("data", JsonText),
    Column("written_at", Float, nullable=False),
    Column("actor", Text),  # a person, if no job wrote it
    Column("job_id", Integer),
    Column("run_id", Integer),
    Column("attempt_id", Integer),
)

user_data_group = Table(
    "user_data_group",
    metadata,
    Column("group_id", Integer, primary_key=True),
    Column("user_data_id", Integer, primary_key=True),
    Column("workflow_id", Integer, nullable=False),
    Index("user_data_group_by_record", "user_data_id"),
    sqlite_with_rowid=False,
)

result = Table(
    "result",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workflow_id", Integer, nullable=False),
    Column("job_id", Integer, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("attempt_id", Integer, nullable=False),
    Column("compute_node_id", Integer),
    Column("status", StatusNumber, nullable=False),
    Column("return_code", Integer),
    Column("cause", Text),
    Column("reason", ReasonText),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),
    Column("cpu_time", Float),
    Column("peak_memory", BigInteger),
    Column("avg_memory", BigInteger),
    Column("peak_cpu_percent", Float),
    Column("avg_cpu_percent", Float),
    Column("peak_gpu_memory", BigInteger),
    Column("avg_gpu_percent", Float),
    Column("allocation", JsonText),  # as in job
    Column("output_dir", PathText),
    Column("log_stem", PathText),  # path of its log files without their endings
    Column("signature", JsonText),  # what a failed attempt has in common with others
    UniqueConstraint("job_id", "run_id", "attempt_id"),
    Index("result_by_workflow", "workflow_id"),
)

RESULT_RECORD = """
    id job_id workflow_id run_id attempt_id compute_node_id return_code started_at ended_at
    peak_memory:peak_memory_bytes avg_memory:avg_memory_bytes peak_cpu_percent avg_cpu_percent
    status cause reason cpu_time peak_gpu_memory:peak_gpu_memory_bytes avg_gpu_percent allocation
"""
"""The columns of a result that lists show, and that an exported workflow contains."""

compute_node = Table(
    "compute_node",
    metadata,
    _id(),
    _workflow(),
    Column("run_id", Integer, nullable=False),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", BigInteger, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("num_cpus", Integer, nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("gpus", JsonText, nullable=False),  # list of {uuid, index, name, memory, virtual}
    # max_parallel_jobs, output_dir, time limit …
    Column("options", JsonText, nullable=False, default="{}"),
    _flag("is_active", True),
    Column("stop_requested", Text),  # graceful | hard
    Column("started_at", Float, nullable=False),
    Column("heartbeat_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("machine_id", Text),
    Column("pid_namespace", Text),
    Column("location", Text),  # the machine, or the allocation on it
    Column("node_name", Text),
    Column("allocation_id", Integer),
    Column("ends_at", Float),  # the end of its allocation
    # Readers time the heartbeat by their own clock: they only see whether this number changes.
    Column("heartbeats", Integer, nullable=False, server_default=text("0"), default=0),
    Column("lease_seconds", Float),
    Column("labels", JsonText),
)
Index("compute_node_by_workflow", compute_node.c.workflow_id)
Index("compute_node_active", compute_node.c.hostname, **_where(compute_node.c.is_active))

allocation = _owned(
    "allocation",
    Column("run_id", Integer),
    Column("engine", Text, nullable=False),  # slurm
    Column("cluster", Text),
    Column("native_id", Text),
    Column("queue_group", Text),
    Column("scheduler", Text),
    Column("state", Text, nullable=False),  # requested, queued, running, ended, refused
    Column("outcome", Text),
    Column("reason", Text),  # in the words of the cluster
    Column("nodes", Integer),
    Column("nodelist", Text),
    Column("cpus", Integer),
    Column("memory", BigInteger),
    Column("gpus", JsonText),
    Column("walltime", Float),
    Column("submitted_at", Float),
    Column("starts_at", Float),  # as the cluster estimates
    Column("started_at", Float),
    Column("ends_at", Float),
    Column("ended_at", Float),
    Column("restarts", Integer, nullable=False, default=0),
    Column("jobs_started", Integer, nullable=False, default=0),
    Column("script", Text),
    Column("stdout", Text),
    Column("stderr", Text),
    Column("actor", Text),
    Column("settings", JsonText),
    UniqueConstraint("engine", "cluster", "native_id"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("counter", BigInteger, nullable=False),
)

# What the freshness of a job is judged by: hashes of its command and environment, its inputs and
# outputs, the attempts it followed.
fingerprint = Table(
    "fingerprint",
    metadata,
    Column("job_id", ForeignKey("job.id", ondelete="CASCADE"), primary_key=True, type_=Integer),
    Column("recorded_at", Float, nullable=False),
    Column("data", JsonText, nullable=False),
)

file_hash = Table(
    "file_hash",
    metadata,
    Column("device", BigInteger, primary_key=True, autoincrement=False),
    Column("inode", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("ctime_ns", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_with_rowid=False,
)

usage_series = Table(
    "usage_series",
    metadata,
    _workflow(),
    Column("job_id", Integer, primary_key=True, autoincrement=False),
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("attempt_id", Integer, primary_key=True, autoincrement=False),
    Column("series", LargeBinary, nullable=False),
    Index("usage_series_by_workflow", "workflow_id"),
)

machine_series = Table(
    "machine_series",
    metadata,
    Column(
        "compute_node_id",
        ForeignKey("compute_node.id", ondelete="CASCADE"),
        primary_key=True,
        type_=Integer,
    ),
    Column("series", LargeBinary, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("workflow_id", Integer, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("timestamp", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("job_id", Integer),
    Column("data", JsonText),
    Column("actor", Text),
    sqlite_with_rowid=False,
)
Index("event_warnings", event.c.workflow_id, event.c.seq, **_where(event.c.kind == "job_warning"))
Index("event_by_job", event.c.job_id, **_where(event.c.job_id.is_not(None)))
