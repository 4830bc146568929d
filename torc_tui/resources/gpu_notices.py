"""Collect notices about GPUs and their driver, each problem once."""

from __future__ import annotations


class GpuNotices:
    """The notices since a monitor was made, in ``texts``."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._told: set[str] = set()
        self._silent: set[str] = set()

    def tell_once(self, text: str) -> None:
        """Add a notice, unless it was added before."""
        if text not in self._told:
            self._told.add(text)
            self.texts.append(text)

    def does_not_answer(self, gpu: str, error: str) -> None:
        """Note that a GPU does not answer."""
        if gpu not in self._silent:
            self._silent.add(gpu)
            self.texts.append(f"{gpu} does not answer ({error}); going on without it")

    def answers(self, gpu: str) -> None:
        """Note that a GPU answers."""
        if gpu in self._silent:
            self._silent.remove(gpu)
            self.texts.append(f"{gpu} answers again")
