"""Render only the lines of widgets that a partial update paints.

Textual has every widget in the rectangle around all changes render all its lines: with a changed
line at the top and one at the bottom, the whole screen. Input: the regions that changed. Output:
the lines of the uppermost widgets there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

Render = tuple[Region, Region, list[Strip]]
"""Where lines are on the screen, the region to which they are clipped, and the lines."""


class LineCompositor(Compositor):
    """The compositor of a screen; ``lines_asked`` counts the lines of its updates, for tests."""

    def __init__(self) -> None:
        super().__init__()
        self.lines_asked = 0
        self._changed: Sequence[Region] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()

    def _get_renders(self, crop: Region | None = None) -> Iterable[Render]:
        return self._changed_lines() if self._changed else super()._get_renders(crop)

    def _changed_lines(self) -> Iterable[Render]:
        """Yield the lines with changes of each widget, the uppermost widget first."""
        left: Sequence[Region] = self._changed
        for widget, (region, clip) in self.visible_widgets.items():
            visible = region.intersection(clip)
            touched = [one for one in left if visible.overlaps(one)]
            if touched:
                rows = Region.from_union(touched).intersection(visible)
                part = Region(visible.x, rows.y, visible.width, rows.height)
                self.lines_asked += part.height
                yield part, clip, widget.render_lines(part.translate(-region.offset))
                left = [one for one in left if not visible.contains_region(one)]
