"""Collect notices about GPUs and their driver, each problem once."""

from __future__ import annotations

from torc_tui.reasons import Kind, Reason, because


class GpuNotices:
    """The notices since a monitor was made, in ``reasons``."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self._silent: set[tuple[int, str | None]] = set()

    def tell_once(self, reason: Reason) -> None:
        """Add a notice, unless it was added before."""
        if reason not in self.reasons:
            self.reasons.append(reason)

    def does_not_answer(self, index: int, error: str, uuid: str | None = None) -> None:
        """Note that a GPU does not answer."""
        if (index, uuid) not in self._silent:
            self._silent.add((index, uuid))
            self.reasons.append(because(Kind.GPU_SILENT, index=index, uuid=uuid, error=error))

    def answers(self, index: int, uuid: str | None = None) -> None:
        """Note that a GPU answers."""
        if (index, uuid) in self._silent:
            self._silent.remove((index, uuid))
            self.reasons.append(because(Kind.GPU_BACK, index=index, uuid=uuid))
