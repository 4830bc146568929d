"""Hold what the reference pages say about exit codes, environment variables and settings.

The pages of the documentation are generated from these tables, and tests compare the tables with
the code that they describe.
"""

from __future__ import annotations

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (
        0,
        "success; for `run`: every job completed or is ignored, or the runner was started with"
        " `--allocation` and could go on",
    ),
    (
        1,
        "the work failed; for `run`: some job failed, was canceled or terminated, or an action of"
        " the workflow failed",
    ),
    (2, "usage error, invalid file, unknown name, or an action that the status does not allow"),
    (
        3,
        "`run`: jobs remain that cannot start here (unschedulable, held, no process can start);"
        " `wait` and `--exit-status`: not all jobs have finished",
    ),
    (
        4,
        "`run`: the workflow has finished, but stale jobs remain (`--stale` runs them again,"
        " `--keep` keeps their results)",
    ),
    (130, "interrupted by Ctrl-C"),
    (141, "the reader of the output closed the pipe"),
)
"""Exit codes of all commands, and their meaning. 1 takes precedence over 3, and 3 over 4."""

JOB_VARIABLES: tuple[tuple[str, str], ...] = (
    ("TORC_WORKFLOW_ID", "id of the workflow"),
    ("TORC_RUN_ID", "number of the run of the workflow"),
    ("TORC_JOB_ID", "id of the job"),
    ("TORC_JOB_NAME", "name of the job"),
    ("TORC_ATTEMPT_ID", "number of the attempt of the job"),
    (
        "TORC_LINEAGE, TORC_GENERATION",
        "lineage and generation of a job added by `torc spawn`; for other jobs, the job name and 0",
    ),
    ("TORC_OUTPUT_DIR", "directory of the logs"),
    ("TORC_WORKFLOW_SUBMISSION_DIR", "directory of the workflow"),
    ("TORC_DATABASE", "the database, so that `torc` in a job uses the same one"),
    ("TORC_ALLOCATION, TORC_NODE_NAME", "in a Slurm allocation: its id, and the node"),
    ("TORC_CPUS", "the CPUs to which the job is bound by `cpu_bind: cores`"),
    ("OMP_NUM_THREADS", "`num_cpus` of a job with `cpu_bind: cores`, see `torc help jobs`"),
    (
        "CUDA_VISIBLE_DEVICES, TORC_GPU_VISIBLE_DEVICES",
        "the GPUs of the job; empty for a job without GPUs",
    ),
    (
        "TORC_GPU_UUIDS, TORC_GPU_SHARE, TORC_GPU_MEMORY_MB",
        "the UUIDs of the GPUs of the job, its share of each, and its memory on each in MiB",
    ),
    (
        "TORC_CGROUP",
        "for jobs with GPUs: parent control group for containers of the job",
    ),
    ("PATH", "the user's own, with a directory in front that contains only `torc`"),
)
"""Variables that a job gets in addition to the user's environment."""

SCRIPT_VARIABLES: tuple[tuple[str, str], ...] = (
    ("TORC_RETURN_CODE", "in recovery scripts: return code of the failed attempt"),
    ("TORC_CAUSE", "in recovery scripts: cause of its end, such as `exit` or `oom`"),
    ("TORC_RECOVERY_HOOK", "in recovery hooks: id of the workflow that is recovered"),
    ("TORC_TRIGGER, TORC_ACTION_ID", "in actions: the trigger, and the id of the action"),
    (
        "TORC_FAILED_COUNT, TORC_FAILED_JOB_IDS, TORC_FAILED_JOB_NAMES",
        "in actions on failures: number, ids (with spaces) and names (one a line) of failed jobs;"
        " at most 1,000 are listed",
    ),
    ("TORC_FAILED_JOBS_FILE", "in actions on failures: a JSON file with all failed jobs"),
    (
        "TORC_NOTICE, TORC_EXIT_CODE",
        "in `notify.command`: the sentence of the notification and the exit code of the run, beside"
        " `TORC_WORKFLOW_ID` and `TORC_RUN_ID`; in `tui.notify_command`: the sentence",
    ),
)
"""Variables that scripts get which run for a workflow or the app."""

USER_VARIABLES: tuple[tuple[str, str], ...] = (
    ("TORC_DATABASE", "database to use: a path or a URL"),
    (
        "SLURM_JOB_ID, SLURM_CLUSTER_NAME, SLURMD_NODENAME, SLURM_JOB_END_TIME",
        "the Slurm allocation of a runner, its node and its end, see `torc help clusters`",
    ),
    ("TORC_GPU_LEDGER", "directory in which runners share which GPUs their jobs hold"),
    ("TORC_SECTION__KEY", "any setting: `TORC_CLIENT__RUN__GRACE=10` sets `client.run.grace`"),
    ("TORC_API_URL", "upstream's server, without effect: torc has none; `torc ping` says so"),
    ("TORC_ASCII", "draw the app with ASCII only"),
    ("NO_COLOR", "print and draw without colors"),
    ("XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME", "where settings, data and state belong"),
    ("PAGER, VISUAL, EDITOR, SHELL", "programs that the app and `torc help` start"),
    ("CUDA_VISIBLE_DEVICES", "GPUs that a runner may use"),
)
"""Variables that change what `torc` does."""

SETTINGS: tuple[tuple[str, str], ...] = (
    ("database", "where workflows are stored: a path, or `postgresql://HOST/NAME`"),
    (
        "safe_directories",
        "directories in which a `torc.toml` of another user is read; `*` allows all of them",
    ),
    ("client.format", "what lists print: `table`, `json`, `json-items` or `csv`"),
    ("client.json", "`items`: with the format `json`, lists are objects as in upstream 1.0"),
    ("client.run.output_dir", "directory of the logs, relative to that of the workflow"),
    ("client.run.max_parallel_jobs", "upper limit of running jobs, in addition to resources"),
    ("client.run.num_cpus", "CPUs that `torc run` may use; default: those of the machine"),
    ("client.run.memory_gb", "memory in GiB that `torc run` may use"),
    ("client.run.num_gpus", "number of GPUs that `torc run` may use"),
    ("client.run.grace", "seconds from SIGTERM to SIGKILL when jobs are stopped"),
    ("client.run.gpu_wait", "seconds that jobs wait for a GPU driver that does not answer"),
    ("client.run.gpu_headroom", "memory that each job gets in addition on a GPU; default: `512m`"),
    ("client.run.gpu_idle_memory", "memory of others on a GPU that still counts as free"),
    ("client.run.gpu_packing", "`pack`: fill a GPU with shares before the next one"),
    ("client.run.gpu_foreign", "`ignore`: also use GPUs on which other programs compute"),
    ("cluster.account", "account of the allocations that `torc submit` requests"),
    ("cluster.partition", "partition of them; default: the first one that fits"),
    ("cluster.max_nodes", "most nodes of a workflow at a time; default: 10"),
    ("cluster.default_runtime", "seconds that are planned for jobs without a runtime"),
    ("cluster.prologue", "lines of the batch script before the runners, such as `module load`"),
    ("cluster.poll_seconds", "seconds between two looks at the queue of the cluster; default: 30"),
    ("notify.command", "shell command at the end of each `torc run`, with `TORC_NOTICE`"),
    ("notify.bell", "`true`: ring the bell of the terminal at the end of each run"),
    ("notify.desktop", "`true`: show a notification of the desktop at the end of each run"),
    ("notify.timeout", "seconds after which a notifier is killed; default: 10"),
    ("tui.notify_command", "shell command that the app runs when a watched job ends"),
)
"""Keys of the configuration files, and their meaning."""
