"""An animated demo of the app for the README, as a GIF: screens, and the keys that lead to them.

Input: the app on a workflow that runs. Output: one file of moderate size, with few colors and only
the parts of each picture that have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from textual.pilot import Pilot

from tests.screenshots.paint import FONTS, SCALE, image_of

SOLID = 40
"""Number of colors that the palette contains exactly, with their mixtures with the background."""
STEP = 0.4
"""Seconds between two pictures."""


class Demo:
    """Records pictures of an app, each with the key that was pressed last."""

    def __init__(self, pilot: Pilot[Any], size: tuple[int, int]) -> None:
        self._pilot = pilot
        self._size = size
        self._frames: list[Image.Image] = []
        self._lasting: list[int] = []

    async def show(self, seconds: float, caption: str = "") -> None:
        """Record what is on the screen for some seconds."""
        for _ in range(max(1, round(seconds / STEP))):
            await self._pilot.pause(STEP)
            app = self._pilot.app
            strips = app.screen._compositor.render_strips()
            image = image_of(strips, self._size, app)
            if caption:
                _label(image, caption)
            small = image.reduce(SCALE)
            if self._frames and small.tobytes() == self._frames[-1].tobytes():
                self._lasting[-1] += round(STEP * 1000)
            else:
                self._frames.append(small)
                self._lasting.append(round(STEP * 1000))

    async def press(self, key: str, what: str, seconds: float, *, shown: str = "") -> None:
        """Press a key, and record what it leads to."""
        await self._pilot.press(key)
        await self.show(seconds, f" {shown or key}   {what} ")

    def write(self, path: Path) -> None:
        """Write the recording."""
        palette = _palette(self._frames)
        plain = Image.Dither.NONE
        first, *others = [frame.quantize(palette=palette, dither=plain) for frame in self._frames]
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self._lasting,
            loop=0,
            optimize=True,
        )


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """Return the most frequent colors, which are those of the theme, and their mixtures.

    Quantization would drop rare colors, such as the red of a failure.
    """
    found: Counter[tuple[int, ...]] = Counter()
    for frame in frames[:: max(1, len(frames) // 12)]:
        for number, color in frame.getcolors(frame.width * frame.height) or []:
            assert isinstance(color, tuple)
            found[color] += number
    (ground, _), *_ = found.most_common(1)
    solid = [color for color, _ in found.most_common(SOLID)]
    mixed = [
        tuple(
            round(part * share + base * (1 - share)) for part, base in zip(one, ground, strict=True)
        )
        for one in solid
        for share in (1.0, 0.75, 0.5, 0.25)
    ]
    image = Image.new("P", (1, 1))
    image.putpalette([part for color in dict.fromkeys(mixed) for part in color])
    return image


def _label(image: Image.Image, text: str) -> None:
    """Draw a label with a key and what it does in the lower right corner."""
    font = ImageFont.truetype(str(FONTS / "DejaVuSansMono-Bold.ttf"), 17 * SCALE)
    draw = ImageDraw.Draw(image)
    wide, high, margin = round(font.getlength(text)), 34 * SCALE, 26 * SCALE
    right, bottom = image.width - margin, image.height - 2 * margin
    box = (right - wide - 16 * SCALE, bottom - high, right, bottom)
    draw.rounded_rectangle(box, 6 * SCALE, fill=(216, 166, 87))
    draw.text((box[0] + 8 * SCALE, box[1] + 6 * SCALE), text, font=font, fill=(20, 24, 29))
