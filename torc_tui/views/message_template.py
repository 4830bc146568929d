"""Replace the parts of an error message that differ between jobs, so that equal causes look equal.

Input: one line of plain text, and names that the job may print (its own, its host). Output: the
line with ``N`` for numbers, ``ID`` for addresses and hashes, ``PATH`` for paths and URLs, ``HOST``
for what is surely a host, ``'…'`` for quoted names, and ``JOB`` for the given names.

Invariant: time grows linearly with the length of the line, of which only the start counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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
