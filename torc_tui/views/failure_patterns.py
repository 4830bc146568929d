"""List what error messages mean: known kinds of failures, and lines that only pass on a failure.

Input: a line in lower case. Output: the kind of the failure, or none.
"""

from __future__ import annotations

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = tuple(
    (kind, tuple(texts.split("|")))
    for kind, texts in {
        "gpu_oom": (
            "cuda out of memory|cuda error: out of memory|cuda_error_out_of_memory"
            "|hip out of memory|oom when allocating tensor|cublas_status_alloc_failed"
            "|cudaerrormemoryallocation"
        ),
        "nccl": "nccl",
        "cuda": (
            "cuda error|cudaerror|cuda_error|cublas_status|cudnn_status|no cuda"
            "|cuda driver|cuda-capable|device-side assert|nvidia driver|cuda runtime"
            "|cuda failure|hip error|hiperror"
        ),
        "oom": (
            "oom-kill|oom_kill|oom killer|out of memory|outofmemory"
            "|cannot allocate memory|can't allocate memory|bad_alloc|memoryerror"
            "|unable to allocate|cannot allocate vector|java heap space"
            "|gc overhead limit|memory exhausted|exceeded memory limit"
            "|memory limit exceeded"
        ),
        "disk_full": (
            "no space left|disk quota exceeded|quota exceeded|disk is full|disk full"
            "|not enough space|not enough disk|enospc|edquot"
        ),
        "missing_module": (
            "no module named|modulenotfounderror|there is no package called"
            "|not found in current path|classnotfoundexception|noclassdeffounderror"
            "|could not find or load main class|cannot find module|in @inc"
            "|error while loading shared libraries|cannot open shared object"
            "|importerror|version `glibc"
        ),
        "missing_command": (
            "command not found|executable file not found|unknown command|: not found"
        ),
        "permission": (
            "permission denied|permissionerror|accessdenied|access denied"
            "|access is denied|operation not permitted|eacces"
        ),
        "missing_file": (
            "no such file|filenotfound|file not found|nosuchfile|cannot find the file"
            "|cannot open file|can't open file|could not open file|failed to open"
            "|no such directory"
        ),
        "memory_corruption": (
            "double free|addresssanitizer|stack smashing|free(): |malloc(): "
            "|realloc(): |corrupted size|munmap_chunk|corrupted double-linked"
        ),
        "segfault": "segmentation fault|segfault|sigsegv|segmentation violation",
        "crash": "illegal instruction|bus error|floating point exception|sigfpe|sigbus",
        "assertion": "assertion|assertfailed",
        "network": (
            "connection refused|connection reset|connection timed out"
            "|connection aborted|could not resolve host|name or service not known"
            "|temporary failure in name resolution|network is unreachable"
            "|no route to host|connectionerror"
        ),
        "mpi": (
            "mpi_err|error occurred in mpi|fatal error in|pmpi_|mpi_abort|mpirun|mpiexec|prterun"
        ),
        "killed": "killed",
    }.items()
)
"""Kinds of failures with the texts that tell them, in lower case; the first match counts."""

_LICENSE = ("license", "licence", "flexnet", "flexlm")
_LICENSE_TROUBLE = (
    "checkout", "check out", "denied", "expired", "not available", "unavailable", "no license",
    "no licence", "licenses in use", "all licenses", "unable", "fail", "error", "invalid", "cannot",
    "could not", "not found",
)  # fmt: skip

PASSED_ON = (
    "calledprocesserror",
    "childfailederror",
    "processexitedexception",
    "brokenprocesspool",
    "non-zero exit",
    "nonzero exit",
    "exit status",
    "exited with",
    "exit code",
    "exitcode",
    "mpi_abort",
    "mpi_errors_are_fatal",
    "will now abort",
    "mpirun noticed",
    "prterun noticed",
    "*** error",  # make
    "] error ",
    "error in rule",
    "exiting because",
    "execution halted",
    "aborting",
    "shutting down",
    "error detected",
    "workflowerror",
    "systemexit",
    "keyboardinterrupt",
    "srun: error",
    "slurmstepd",
    "killed",
    "core dumped",
    "terminated with",
    "root cause (first observed failure)",
)
"""Texts of lines that pass on a failure of another process; its own message tells more."""

OOM_KILLS = ("oom-kill", "oom_kill", "oom killer", "out of memory: killed", "out-of-memory kill")
"""Texts by which the kernel and Slurm tell that they killed a process."""

HARMLESS = (
    "warn", "[info", "info:", "info ", "debug", "note:", "retrying", "ignored",
    "with errorcode", "open mpi kills", "other processes", "your mpi job",
)  # fmt: skip
"""Texts of lines that tell of no failure, although they contain a word for one."""

SPELLED_OUT = frozenset({"missing_module", "missing_command", "assertion"})
"""Kinds whose quoted names are equal in all jobs and say what is wrong."""


def kind_of(line: str) -> str:
    """Return the kind of failure that a line in lower case describes; empty if unknown."""
    if any(word in line for word in _LICENSE) and any(word in line for word in _LICENSE_TROUBLE):
        return "license"
    for kind, texts in KINDS:
        for text in texts:
            if text in line:
                return kind
    return ""


def contains(line: str, texts: tuple[str, ...]) -> bool:
    """Return whether a line contains one of the texts."""
    return any(text in line for text in texts)
