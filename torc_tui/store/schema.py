"""The tables. What comes in: nothing. What goes out: SQLAlchemy metadata. No statement, no
connection lives here.

Laws
* Status literals, not bound parameters, stand in the partial indexes and in the queries that want
  to use them. SQLite compares the words: ``status = 2 AND NOT held`` uses the index ``job_ready``,
  ``held = 0`` does not.
* Ids are handed out in blocks from ``counter`` and never used twice, so a log's name and
  TORC_JOB_ID stay unambiguous.
* ``event.seq`` counts per workflow, taken under the workflow's row lock; an auto-increment id is
  never a cursor.
* A dependency is a row (waits, for). Where many jobs wait for the same many, both sides hang on a
  *gate*: a row of ``gate`` that stands in ``dependency`` under its negative id. ``unmet`` counts
  what a job or gate still waits for, ``unsuccessful`` how many of those ended other than completed.
* Equal lists of files (or records) are stored once, as a group.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from torc_tui.store.connect import (
    VERSION as VERSION,
)  # of the schema; known there without loading SQLAlchemy

metadata = MetaData()


def _workflow() -> Column[int]:
    return Column(
        "workflow_id", ForeignKey("workflow.id", ondelete="CASCADE"), nullable=False, type_=Integer
    )


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
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("description", Text),
    Column("project", Text),
    Column("metadata", Text),  # JSON
    Column("directory", Text, nullable=False),  # where it was created: jobs run there
    Column("file", Text),  # the workflow file; its text is in workflow_text
    Column("format", Text),
    Column("created_at", Float, nullable=False),
    Column("run_id", Integer, nullable=False, default=0),
    Column("is_canceled", Boolean, nullable=False, default=False),
    Column("is_archived", Boolean, nullable=False, default=False),
    Column("is_paused", Boolean, nullable=False, default=False),
    Column("last_seq", BigInteger, nullable=False, default=0),
    Column("env", Text, nullable=False, default="{}"),  # JSON
    Column(
        "execution_config", Text, nullable=False, default="{}"
    ),  # JSON, the fields of model.ExecutionConfig
    Column("use_pending_failed", Boolean, nullable=False, default=False),
    Column("require_user_data", Boolean, nullable=False, default=False),
    Column("settings", Text, nullable=False, default="{}"),  # JSON: everything else the file said
)

# The row of a workflow is written with every batch of events, and whole: its file may have
# megabytes.
workflow_text = Table(
    "workflow_text",
    metadata,
    Column(
        "workflow_id",
        ForeignKey("workflow.id", ondelete="CASCADE"),
        primary_key=True,
        type_=Integer,
    ),
    Column("text", Text, nullable=False),
)

resource_requirements = Table(
    "resource_requirements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("num_cpus", Integer, nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("num_gpus", Float, nullable=False),
    Column("gpu_memory", BigInteger),
    Column("gpu_model", Text),
    Column("num_nodes", Integer, nullable=False),
    Column("runtime", Float, nullable=False),
    Column("enforced", Boolean, nullable=False),
    Index("resource_requirements_by_workflow", "workflow_id"),
)

failure_handler = Table(
    "failure_handler",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("rules", Text, nullable=False),  # JSON
    Index("failure_handler_by_workflow", "workflow_id"),
)

slurm_scheduler = Table(
    "slurm_scheduler",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("settings", Text, nullable=False),  # JSON
    Index("slurm_scheduler_by_workflow", "workflow_id"),
)

action = Table(
    "action",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("trigger_type", Text, nullable=False),
    Column("action_type", Text, nullable=False),
    Column("job_ids", Text, nullable=False),  # JSON list
    Column("commands", Text, nullable=False),  # JSON list
    Column("persistent", Boolean, nullable=False),
    Column("settings", Text, nullable=False),  # JSON
    Column("executed_run_id", Integer),  # the run in which it was carried out
    Column("executed_at", Float),
    Index("action_by_workflow", "workflow_id"),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("invocation_script", Text),
    Column(
        "script", Text
    ),  # both once more, where they speak of user data: JSON lists whose numbers are record ids
    Column("status", Integer, nullable=False),
    Column("held", Boolean, nullable=False, default=False),
    Column("priority", Integer, nullable=False),
    Column(
        "resource_class", Integer, nullable=False
    ),  # rank of its requirements, 0 the largest; equal ones share it
    Column("unmet", Integer, nullable=False, default=0),
    Column("unsuccessful", Integer, nullable=False, default=0),
    Column("cancel_on_blocking_job_failure", Boolean, nullable=False),
    Column("attempt_id", Integer, nullable=False, default=1),
    Column("retries", Integer, nullable=False, default=0),  # used in this run
    Column("requirement_id", Integer, nullable=False),
    Column("failure_handler_id", Integer),
    Column("scheduler", Text),
    Column("family", Text, nullable=False),
    Column("parameter_values", Text),  # JSON object
    Column("env", Text),  # JSON object
    Column("stdio", Text),  # JSON object
    Column("supports_termination", Boolean, nullable=False, default=False),
    Column("require_user_data", Boolean),
    Column("input_files", Integer),  # groups
    Column("output_files", Integer),
    Column("input_user_data", Integer),
    Column("output_user_data", Integer),
    # the current attempt
    Column("compute_node_id", Integer),
    Column("pid", Integer),
    Column("process_started", BigInteger),
    Column(
        "allocation", Text
    ),  # JSON [cpus, memory, [[uuid, share, memory] …]] while pending or running
    Column(
        "stop_requested", Text
    ),  # a Cause: what a user asked of the runner that holds it; "stopped": interrupted
    Column("output_dir", Text),  # of its latest attempt: where its logs are
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("return_code", Integer),
    Column("reason", Text),  # of the state it is in, where the state alone does not tell
    Column("not_before", Float),  # a retry waits until then
    Index("job_by_workflow", "workflow_id", "status"),
    Index("job_by_name", "workflow_id", "name"),
    Index(
        "job_ready",
        "workflow_id",
        "resource_class",
        text("priority DESC"),
        "id",
        sqlite_where=text("status = 2 AND NOT held"),
        postgresql_where=text("status = 2 AND NOT held"),
    ),
    Index(
        "job_active",
        "compute_node_id",
        sqlite_where=text("status IN (3, 4)"),
        postgresql_where=text("status IN (3, 4)"),
    ),
)

gate = Table(
    "gate",
    metadata,
    Column(
        "id", Integer, primary_key=True, autoincrement=False
    ),  # positive here, negative in dependency
    _workflow(),
    Column("size", Integer, nullable=False),
    Column("unmet", Integer, nullable=False),
    Column("unsuccessful", Integer, nullable=False, default=0),
    Column("via", Text),  # the pattern, where it comes from one
    Index("gate_by_workflow", "workflow_id"),
)

dependency = Table(
    "dependency",
    metadata,
    Column("depends_on_id", Integer, primary_key=True),  # a job, or minus a gate
    Column("job_id", Integer, primary_key=True),  # a job, or minus a gate
    Column("kind", Integer, nullable=False),  # EdgeKind
    Column("via", Integer),  # file or user_data id
    Column("workflow_id", Integer, nullable=False),
    Index("dependency_by_job", "job_id"),
    sqlite_with_rowid=False,
)

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
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
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("name", Text, nullable=False),
    Column("is_ephemeral", Boolean, nullable=False, default=False),
    Column("data", Text),  # JSON; NULL stands for null
    Column("version", Integer, nullable=False, default=0),
    Column("json_schema", Text),
    Column("declared", Boolean, nullable=False, default=True),
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
    Column("data", Text),
    Column("written_at", Float, nullable=False),
    Column("actor", Text),  # a person, where no job wrote it
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
    Column("status", Integer, nullable=False),
    Column("return_code", Integer),
    Column("cause", Text),
    Column("reason", Text),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),
    Column("cpu_time", Float),
    Column("peak_memory", BigInteger),
    Column("avg_memory", BigInteger),
    Column("peak_cpu_percent", Float),
    Column("avg_cpu_percent", Float),
    Column("peak_gpu_memory", BigInteger),
    Column("avg_gpu_percent", Float),
    Column("allocation", Text),  # JSON, as in job
    Column("output_dir", Text),
    UniqueConstraint("job_id", "run_id", "attempt_id"),
    Index("result_by_workflow", "workflow_id"),
)

compute_node = Table(
    "compute_node",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _workflow(),
    Column("run_id", Integer, nullable=False),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", BigInteger, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("num_cpus", Integer, nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("gpus", Text, nullable=False),  # JSON list of {uuid, index, name, memory, virtual}
    Column(
        "options", Text, nullable=False, default="{}"
    ),  # JSON: max_parallel_jobs, output_dir, time limit …
    Column("is_active", Boolean, nullable=False, default=True),
    Column("stop_requested", Text),  # graceful | hard
    Column("started_at", Float, nullable=False),
    Column("heartbeat_at", Float, nullable=False),
    Column("ended_at", Float),
    Index("compute_node_by_workflow", "workflow_id"),
    Index(
        "compute_node_active",
        "hostname",
        sqlite_where=text("is_active"),
        postgresql_where=text("is_active"),
    ),
)

event = Table(
    "event",
    metadata,
    Column("workflow_id", Integer, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("timestamp", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("job_id", Integer),
    Column("data", Text),  # JSON object
    Column("actor", Text),
    Index(
        "event_by_job",
        "job_id",
        sqlite_where=text("job_id IS NOT NULL"),
        postgresql_where=text("job_id IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)
