"""List what error messages mean, and replace the parts of them that differ between jobs.

Input: a line in lower case. Output: the kind of the failure, or none. Some lines only pass on a
failure.

For a template, one line of plain text, and names that the job may print (its own, its host).
Output: the line with ``N`` for numbers, ``ID`` for addresses and hashes, ``PATH`` for paths and
URLs, ``HOST`` for what is surely a host, ``'…'`` for quoted names, and ``JOB`` for the given names.

Invariant: time grows linearly with the length of the line, of which only the start counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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


LONGEST = 400
"""Characters of a line that count."""

_TIME = (
    r"(?:\d{4}[-/.]\d\d[-/.]\d\d(?:[T ,_-]+|$))?\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?"
    r"(?:Z|[+-]\d\d:?\d\d)?"
)
_DAY = (
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +)?(?:\d\d? +)?"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d\d?"
)
_ZONE = r"(?:UTC|GMT|[CEW]ES?T|[ECMP][SD]T|JST|BST|IST)"
PREFIX = re.compile(
    r"\[?(?:rank ?\d+)\]?:? ?"  # torchrun
    r"|\[\d+,\d+\]<std(?:err|out)>:? ?"  # mpirun --tag-output
    r"|\[[\w.-]+:\d+\] ?"  # Open MPI: host and pid
    r"|\(?\w+ pid=\d+(?:, ip=[\d.]+)?\) ?"  # Ray
    r"|\d{1,5}: "  # srun --label
    rf"|[\[(]?(?:{_DAY},? +)?{_TIME}(?: +[AP]M)?(?: +{_ZONE}\b)?(?: +\d{{4}})?[\])]?[ :|-]*"
    r"|\[?\d{4}-\d\d-\d\d\]?[ :|-]*"
    r"|[EWIF]\d{4} +"  # glog
)
"""What tools write in front of a line: a time, a rank, a host."""

_QUOTED = re.compile(
    r'"[^"]*"'
    r"|(?<![A-Za-z0-9])'[^']*'(?![A-Za-z0-9])"
    r"|`[^`']*[`']"
    r"|‘[^’]*’|“[^”]*”|«[^»]*»"
)
_URL = re.compile(r"(?<!\w)[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s'\"<>,;()]*")
_ABSOLUTE = re.compile(
    r"(?<![\w.~+/\\-])(?:~?/|\.{1,2}/|[A-Za-z]:[\\/])[^\s'\"`,;:()\[\]{}<>|=]*[^\s'\"`,;:()\[\]{}<>|=.]"
)
_RELATIVE = re.compile(r"(?<![\w.+/-])[\w.+-]+(?:/[\w.+@%=-]+)+")
_EXTENSIONS = (
    "bam|bed|bin|bz2|c|cc|cfg|chk|ckpt|cpp|cram|csv|cu|dat|db|err|f90|fa|fasta|fastq|fna|fq|gff|gro"
    "|gtf|gz|h|h5|hdf5|hpp|in|inp|ini|ipynb|jl|jpg|json|jsonl|kdl|log|lock|m|mat|md|mtx|nc|npy|npz"
    "|onnx|out|parquet|pdb|pdf|pickle|pkl|pl|png|pt|pth|py|r|rb|rda|rds|root|rs|sam|sh|so|sqlite"
    "|svg|tar|tfrecord|tgz|tif|tiff|tmp|toml|tpr|tsv|txt|vcf|wav|xlsx|xml|xtc|xyz|xz|yaml|yml|zip|zst"
)
_FILE = re.compile(rf"(?<![\w./-])[\w+-][\w.+-]*\.(?:{_EXTENSIONS})(?![\w-])", re.IGNORECASE)
_UUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_ID = re.compile(
    rf"0[xX][0-9A-Fa-f]+|\b{_UUID}\b"
    r"|(?<![\w.])(?=[0-9A-Fa-f]*\d)(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{7,}\b(?![-+.]\d)"
    r"|(?<![\w.])[A-Za-z]*(?:\d+[A-Za-z]+){2,}\d*(?!\w)(?![-+.]\d)"
)
_HOST = re.compile(
    r"\b(on|host|server|node|peer) (?![^\s,:;()]*/)(?=[^\s,:;()]*\d)[A-Za-z][\w.-]*"
    r"|\b[A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:local|internal|cluster|lan|edu|gov|org|net|com)(?![\w.])"
)
_NUMBER = re.compile(
    r"(?:(?<![\w)\]])[-+])?\d+(?:[.,_]\d+)*(?:[eE][-+]?\d+)?"
    r"(?: ?(?:[KMGTP]i?B|[kMG]b|bytes?|[munµ]?s|min|sec|seconds?|minutes?|%|[KMGT])(?!\w))?"
    r"|(?<![\w.])[-+]?(?:nan|inf|NaN|Inf|Infinity|-Inf)(?!\w)"
)
_LIST = re.compile(r"N(?:[\s,x×:;/.*+-]*N(?!\w))+")
_PLURAL = re.compile(r"\bN ((?!(?:does|this|always|was|has|is)\b)[a-z]{3,}?)s\b(?<!ss)")
_SPACE = re.compile(r"\s+")


def template(text: str, names: Iterable[str] = (), *, keep_quoted: bool = False) -> str:
    """Return the message without what differs between jobs; quoted names stay if asked."""
    text = without_prefix(text[:LONGEST]).strip()
    if keep_quoted:
        outside = _QUOTED.split(text)
        parts = zip(map(template, outside), [*_QUOTED.findall(text), ""], strict=True)
        return " ".join(part for pair in parts for part in pair if part)
    for name in names:
        if len(name) > 2 and name in text:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "JOB", text)
    text = _QUOTED.sub("'…'", text)
    text = _URL.sub("PATH", text)
    text = _ABSOLUTE.sub("PATH", text)
    text = _RELATIVE.sub(_path, text)
    text = _FILE.sub("PATH", text)
    text = _HOST.sub(_host, text)
    text = _ID.sub("ID", text)
    text = _NUMBER.sub("N", text)
    text = _LIST.sub("N", text)
    text = _PLURAL.sub(r"N \1", text)
    return _SPACE.sub(" ", text)


def without_prefix(text: str) -> str:
    """Return a line without the time, rank and host that tools write in front of it."""
    for _ in range(4):
        found = PREFIX.match(text)
        if found is None or not found[0]:
            return text
        text = text[found.end() :]
    return text


def _host(found: re.Match[str]) -> str:
    return f"{found[1]} HOST" if found[1] else "HOST"


def _path(found: re.Match[str]) -> str:
    """Return ``PATH`` for what is surely a path: ``read/write`` and ``3/10`` are none."""
    text = found[0]
    last = text.rpartition("/")[2]
    letters = any(map(str.isalpha, text))
    is_path = letters and (text.count("/") > 1 or "." in last or any(map(str.isdigit, text)))
    return "PATH" if is_path else text
