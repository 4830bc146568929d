"""Replace a batch system in tests: nothing runs, and the test decides what happens.

It is a public test double for code that asks a `Cluster` for allocations. By default allocations
stay queued; `start`, `end` and `vanish` move them, ``silent`` and ``refusal`` change what the next
calls do, and ``behavior`` lets every new allocation start or end at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from torc_tui.clusters.base import (
    AccountRecord,
    AllocationRequest,
    ClusterRefused,
    ClusterSilent,
    SeenAllocation,
    Submitted,
)
from torc_tui.clusters.slurm_script import batch_script
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.resources.partitions import NodeShape, Partition

Behavior = Literal["queue", "start", "end"]
"""What becomes of a new allocation: it waits, it starts at once, or it also ends at once."""

MAIN = Partition("main", True, True, None, (NodeShape(4, 2, 4000 << 20),))


class FakeCluster:
    """A batch system of which a test decides everything.

    ``calls`` counts the calls by name; ``requests`` are what was submitted, by id. With
    ``is_cut_off``, the next submission is accepted and its answer is lost.
    """

    engine = "fake"

    def __init__(
        self, partitions: Sequence[Partition] = (MAIN,), *, behavior: Behavior = "queue"
    ) -> None:
        self.behavior: Behavior = behavior
        self.silent = False
        self.refusal: str | None = None
        self.is_cut_off = False
        self.starts_at: float | None = None
        self.has_accounting = False
        self.account_records: list[AccountRecord] = []
        self.requests: dict[str, AllocationRequest] = {}
        self.calls: dict[str, int] = {}
        self._partitions = list(partitions)
        self._known: dict[str, SeenAllocation] = {}
        self._ended: dict[str, SeenAllocation] = {}

    # -- the contract

    def partitions(self) -> list[Partition]:
        """Return the partitions that the test gave."""
        self._called("partitions")
        return self._partitions

    def cluster_name(self) -> str:
        """Return the name of this cluster."""
        return "fake"

    def script(self, request: AllocationRequest) -> str:
        """Return the script that Slurm would get."""
        return batch_script(request)

    def submit(self, request: AllocationRequest) -> Submitted:
        """Accept or refuse a request, as the test wants."""
        self._called("submit")
        if self.refusal is not None:
            raise ClusterRefused(f"the fake cluster refused the request: {self.refusal}")
        native_id = str(len(self.requests) + 1)
        self.requests[native_id] = request
        self._known[native_id] = SeenAllocation(
            native_id,
            AllocationState.QUEUED,
            word="PENDING",
            reason="Priority",
            comment=request.comment,
            starts_at=self.starts_at,
        )
        if self.behavior != "queue":
            self.start(native_id)
        if self.behavior == "end":
            self.end(native_id)
        if self.is_cut_off:
            self.is_cut_off = False
            raise ClusterSilent("the fake cluster did not answer")
        return Submitted(native_id, "fake")

    def look(self) -> Mapping[str, SeenAllocation]:
        """Return what the cluster knows."""
        self._called("look")
        return dict(self._known)

    def ended(self, ids: Collection[str]) -> Mapping[str, SeenAllocation]:
        """Return ended allocations if the test turned the accounting on."""
        self._called("ended")
        return {one: self._ended[one] for one in ids if self.has_accounting and one in self._ended}

    def accounts(self, ids: Collection[str]) -> list[AccountRecord]:
        """Return the records that the test gave; refuse if the accounting is off."""
        self._called("accounts")
        if not self.has_accounting:
            raise ClusterRefused("the fake cluster has no accounting")
        return [one for one in self.account_records if one.native_id in ids]

    def estimate(self, request: AllocationRequest) -> float | None:
        """Return the estimate that the test gave."""
        self._called("estimate")
        return self.starts_at

    def cancel(self, ids: Sequence[str]) -> None:
        """End allocations that have not ended."""
        self._called("cancel")
        for native_id in ids:
            if native_id in self._known:
                self.end(native_id, AllocationOutcome.CANCELED)

    # -- what a test does

    def queue(self) -> list[str]:
        """Return the ids of the allocations that have not ended."""
        ended = AllocationState.ENDED
        return [one.native_id for one in self._known.values() if one.state is not ended]

    def start(self, native_id: str, *, at: float | None = None, nodelist: str = "n1") -> None:
        """Let an allocation start."""
        self._move(
            native_id,
            state=AllocationState.RUNNING,
            word="RUNNING",
            reason="",
            starts_at=at,
            nodelist=nodelist,
        )

    def end(
        self,
        native_id: str,
        outcome: AllocationOutcome = AllocationOutcome.DONE,
        *,
        at: float | None = None,
    ) -> None:
        """Let an allocation end; one that has ended stays as it is."""
        if self._known[native_id].state is not AllocationState.ENDED:
            self._move(
                native_id,
                state=AllocationState.ENDED,
                outcome=outcome,
                word=outcome.value.upper(),
                ends_at=at,
            )

    def vanish(self, native_id: str) -> None:
        """Let the cluster forget an allocation."""
        self._ended[native_id] = self._known.pop(native_id)

    def _move(self, native_id: str, **changes: Any) -> None:
        self._known[native_id] = self._known[native_id]._replace(**changes)

    def _called(self, name: str) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        if self.silent and name != "partitions":
            raise ClusterSilent("the fake cluster does not answer")
