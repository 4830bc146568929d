"""Define the records of the holders of a GPU, to account for its memory. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.model import GpuGrant, GpuProcess
from torc_tui.records import dataclass
from torc_tui.tuples import NamedTuple

CLOCK_ERROR = 0.05
"""Seconds by which the start of a process may be read too early: the kernel counts it in ticks."""


class Tenant(NamedTuple):
    """The first process of the job that holds a grant, and when the job started (epoch)."""

    pid: int
    since: float


class GrantOwner(NamedTuple):
    """The user and job of a grant of another database, and the time of the grant (epoch)."""

    user: str
    job: str
    since: float


class JobEnd(NamedTuple):
    """The end of a job that held GPUs: when (epoch), and its name."""

    at: float
    name: str


@dataclass(slots=True, eq=False)
class Claim:
    """A grant, the job that holds it, and the memory that this job uses of the GPU."""

    grant: GpuGrant
    tenant: Tenant | None = None
    used: int = 0
    owner: GrantOwner | None = None
    """Who holds the grant, if it is one of another database."""


class Returning(NamedTuple):
    """Memory of a job that has ended, until the driver shows it as free."""

    end: JobEnd
    used: int


def presumed_claim(claims: Sequence[Claim], process: GpuProcess) -> Claim | None:
    """Return the claim to which a process without session or environment is attributed.

    It is the only claim on the GPU, made before the process began: a process in a container has
    neither the session nor the environment of its job. Or it is a claim of another database by the
    same user: otherwise the memory of the process would count twice, as used and as claimed.
    """
    if process.own or process.graphics:
        return None
    began = process.since + CLOCK_ERROR
    if len(claims) == 1 and claims[0].tenant is not None:
        return claims[0] if 0 < claims[0].tenant.since <= began else None
    found = [
        one
        for one in claims
        if one.owner is not None and one.owner.user == process.user and one.owner.since <= began
    ]
    return min(found, key=lambda one: one.used, default=None)
