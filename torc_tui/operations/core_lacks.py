"""Find the ready jobs of a workflow that wait for cores on this machine.

Input: a database, a workflow, what jobs request. Output: reasons. Only jobs with `cpu_bind: cores`
wait for cores, and only if a runner on this machine could start them.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Reason
from torc_tui.records import dataclass
from torc_tui.store import sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.encoding import loads

KEY = "cpu_bind"


@dataclass(frozen=True, slots=True)
class CoreLacks:
    """The lack of each kind of request, by id, and the jobs that are bound to cores.

    ``by_default`` is set if the workflow binds its jobs; ``own`` has the ready jobs that decide for
    themselves.
    """

    by_default: bool
    own: Mapping[int, bool]
    lacks: Mapping[int, Reason]

    def of(self, job_id: int, requirement_id: int) -> tuple[Reason, ...]:
        """Return the lack of a ready job, if it has one."""
        if not self.own.get(job_id, self.by_default) or requirement_id not in self.lacks:
            return ()
        return (self.lacks[requirement_id],)


def core_lacks(
    store: Store, workflow_id: int, requirements: Mapping[int, ResourceRequirements]
) -> CoreLacks | None:
    """Return the lack of cores of ready jobs on this machine; None if no job is bound to cores."""
    with store.read() as conn:
        settings = workflows.read_workflow(conn, workflow_id).settings
        rows = conn.rows(sql.OWN_BINDINGS, workflow_id=workflow_id)
    own = {row.id: loads(row.options).get(KEY) == "cores" for row in rows}
    by_default = settings.get(KEY) == "cores"
    if not by_default and not any(own.values()):
        return None
    from torc_tui.resources.core_ledger import CoreLedger  # few workflows bind jobs
    from torc_tui.resources.cpu_cores import number_of_cores, read_cores

    cores = read_cores()
    ledger = CoreLedger(store.url, cores)
    found = {
        key: ledger.shortfall(number_of_cores(cores, one.num_cpus))
        for key, one in requirements.items()
    }
    return CoreLacks(by_default, own, {key: one for key, one in found.items() if one is not None})
