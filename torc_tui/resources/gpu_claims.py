"""Say who holds a part of a GPU: the records that the account of a GPU keeps. Pure."""

from __future__ import annotations

from typing import NamedTuple

from torc_tui.model import GpuGrant
from torc_tui.records import dataclass


class Tenant(NamedTuple):
    """The first process of the job that holds a grant, and when the job started (epoch)."""

    pid: int
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
    owner: tuple[str, str] | None = None
    """User and job, if another database holds the grant."""


class Returning(NamedTuple):
    """Memory of a job that has ended, until the driver shows it as free."""

    end: JobEnd
    used: int
