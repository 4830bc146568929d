"""Define the themes, and the palette of each for the app's own widgets. Pure.

Models and widgets use *names* of styles (``failed``, ``accent bold``); only a ``Palette`` knows
colors. A name consists of words of the palette and the attributes bold, dim, italic, underline,
reverse and strike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES, Theme

from torc_tui.tui.look import terminal
from torc_tui.tui.look.status_icons import ASCII

_ATTRIBUTES = {
    "bold": Style(bold=True),
    "dim": Style(dim=True),
    "italic": Style(italic=True),
    "underline": Style(underline=True),
    "reverse": Style(reverse=True),
    "strike": Style(strike=True),
}


class Palette:
    """The Rich styles of one theme by name.

    ``colors`` maps names to ``foreground`` or ``foreground on background`` (hex or ANSI names, as
    Rich reads them, with attributes). ``stripe`` styles lie *under* the cells of a row (cursor,
    match).
    """

    def __init__(self, name: str, colors: Mapping[str, str]) -> None:
        self.name = name
        self.has_pattern = name not in ("torc-16", "torc-mono")
        """Whether a pattern can be quiet: it needs a color close to the background."""
        self._styles: dict[str, Style] = {"": Style.null()}
        self.has_heat = "heat0" in colors
        """Whether the theme has colors enough for heat maps."""
        for key, value in colors.items():
            self._styles[key] = Style.parse(value)

    def __call__(self, name: str) -> Style:
        """Return the style of a name; unknown words have no effect."""
        style = self._styles.get(name)
        if style is None:
            style = Style.null()
            for word in name.split():
                style += _ATTRIBUTES.get(word) or self._styles.get(word) or Style.null()
            self._styles[name] = style
        return style


HEAT = (
    "#ffffff on #440154", "#ffffff on #46327e", "#ffffff on #365c8d", "#ffffff on #277f8e",
    "#14181d on #1fa187", "#14181d on #4ac16d", "#14181d on #a0da39", "#14181d on #fde725",
)  # fmt: skip
"""The scale of heat maps: viridis, whose brightness grows evenly for all kinds of color vision."""


def _palette(name: str, ink: Mapping[str, str], *, heat: Sequence[str] = HEAT) -> Palette:
    """Return a palette made from the colors of a theme; ``heat`` is empty if it has too few."""
    g = ink.__getitem__
    return Palette(
        name,
        {
            **{f"heat{level}": style for level, style in enumerate(heat)},
            "text": g("text"), "muted": g("muted"), "faint": g("faint"),
            "strong": f"bold {g('strong')}", "accent": g("accent"), "info": g("info"),
            "success": g("success"), "warning": g("warning"), "error": g("error"),
            "link": f"underline {g('info')}", "uninitialized": g("faint"), "blocked": g("muted"),
            "ready": g("ready"), "pending": g("pending"), "running": g("info"),
            "completed": g("success"), "failed": g("error"), "canceled": g("violet"),
            "terminated": g("orange"), "disabled": g("faint"), "pending_failed": g("warning"),
            "header": f"{g('muted')} on {g('panel')}",
            "header-strong": f"bold {g('strong')} on {g('panel')}", "head": f"{g('muted')}",
            "head-sort": f"bold {g('accent')}", "cursor": g("cursor"),
            "cursor-blur": g("cursor_blur"), "cursor-bar": g("accent"),
            "mark": f"bold {g('accent')}", "hover": g("hover"), "match": g("match"),
            "match-current": g("match_current"), "selection": g("match"), "bar": g("success"),
            "bar-rest": g("rest"), "rule": g("rest"), "key": f"bold {g('accent')}",
            "key-title": g("muted"), "json-key": g("info"), "json-string": g("success"),
            "json-number": g("orange"), "json-literal": g("violet"), "json-punct": g("faint"),
            "added": g("success"), "removed": g("error"), "stderr": g("orange"), "node": g("muted"),
            "node-file": g("orange"), "node-data": g("violet"), "edge": g("edge"),
            "pattern": g("pattern"),
            "critical": f"bold {g('accent')}", "minimap": g("faint"), "group": f"bold {g('text')}",
            "danger": g("danger"), "button": g("button"), "load": g("info"),
            "load-high": g("warning"),
        },
    )  # fmt: skip


_NIGHT = {
    "pattern": "#212831",
    "text": "#c8cfd8", "strong": "#eef2f6", "muted": "#838d9b", "faint": "#59636f",
    "accent": "#d8a657", "info": "#6fb3d2", "success": "#86b97f", "warning": "#e0b860",
    "error": "#e5736f", "violet": "#b495c9", "orange": "#dd9166", "ready": "#c8cfd8",
    "pending": "#8fa9d6", "panel": "#1d232b", "rest": "#323b46", "edge": "#76828f",
    "cursor": "on #2b3542", "cursor_blur": "on #1f2730", "hover": "on #1b222a",
    "match": "#14181d on #d8a657", "match_current": "bold #14181d on #f2d79b",
    "danger": "bold #ffffff on #a8403d", "button": "bold #14181d on #d8a657",
}  # fmt: skip

_DAY = {
    "pattern": "#e4e0d6",
    "text": "#2d333b", "strong": "#0d1117", "muted": "#636c76", "faint": "#8f98a3",
    "accent": "#8a5a00", "info": "#1f6f9c", "success": "#2f7d36", "warning": "#8f6400",
    "error": "#b3312c", "violet": "#7b4b9b", "orange": "#a8521a", "ready": "#2d333b",
    "pending": "#3d62a8", "panel": "#e6e3db", "rest": "#cfcbc1", "edge": "#6f7276",
    "cursor": "on #dfd9c8", "cursor_blur": "on #ebe8e0", "hover": "on #efece5",
    "match": "#ffffff on #8a5a00", "match_current": "bold #ffffff on #5e3d00",
    "danger": "bold #ffffff on #b3312c", "button": "bold #ffffff on #8a5a00",
}  # fmt: skip

# Colors by Okabe and Ito, which people with color vision deficiencies can distinguish.
_SAFE = {
    **_NIGHT, "accent": "#f0e442", "info": "#56b4e9", "success": "#009e73", "warning": "#e69f00",
    "error": "#ff7847", "violet": "#cc79a7", "orange": "#e69f00", "pending": "#7da7e0",
    "match": "#14181d on #f0e442", "match_current": "bold #14181d on #fffbb0",
    "danger": "bold #14181d on #ff7847", "button": "bold #14181d on #f0e442",
}  # fmt: skip

_TURNED = "reverse not dim default on default"
"""No background fits all 16 colors, so the row is reversed; words still name the states."""

_SIXTEEN = {
    "pattern": "default",
    "text": "default", "strong": "default", "muted": "bright_black", "faint": "bright_black",
    "accent": "yellow", "info": "cyan", "success": "green", "warning": "bright_yellow",
    "error": "bright_red", "violet": "magenta", "orange": "yellow", "ready": "default",
    "pending": "bright_blue", "panel": "default", "rest": "bright_black", "edge": "bright_black",
    "cursor": _TURNED, "cursor_blur": "underline", "hover": "", "match": "black on yellow",
    "match_current": "bold black on bright_yellow", "danger": "bold white on red",
    "button": "bold black on yellow",
}  # fmt: skip

_MONO = {
    **dict.fromkeys(_SIXTEEN, "default"), "muted": "default", "faint": "dim", "rest": "dim",
    "panel": "default", "cursor": _TURNED, "cursor_blur": "underline", "hover": "",
    "match": "reverse", "match_current": "bold reverse", "error": "bold", "danger": "bold reverse",
    "button": "bold reverse",
}  # fmt: skip

PALETTES: dict[str, Palette] = {
    name: _palette(name, ink, heat=() if ink["text"] == "default" else HEAT)
    for name, ink in {
        "torc-night": _NIGHT, "torc-day": _DAY, "torc-safe": _SAFE, "torc-16": _SIXTEEN,
        "torc-mono": _MONO,
    }.items()
}  # fmt: skip
DEFAULT = PALETTES["torc-night"]


def palette_of(app: object) -> Palette:
    """Return the palette of an app, or the default palette."""
    found = getattr(app, "palette", DEFAULT)
    return found if isinstance(found, Palette) else DEFAULT


def _theme(
    name: str, ink: Mapping[str, str], background: str, surface: str, *, dark: bool
) -> Theme:
    return Theme(
        name=name,
        primary=ink["accent"],
        secondary=ink["info"],
        warning=ink["warning"],
        error=ink["error"],
        success=ink["success"],
        accent=ink["accent"],
        foreground=ink["text"],
        background=background,
        surface=surface,
        panel=ink["panel"],
        dark=dark,
        variables={
            "border": ink["accent"],
            "border-blurred": ink["rest"],
            "scrollbar": ink["rest"],
            "scrollbar-hover": ink["faint"],
            "scrollbar-active": ink["accent"],
            "scrollbar-background": background,
            "scrollbar-background-hover": background,
            "scrollbar-background-active": background,
            "scrollbar-corner-color": background,
            "block-cursor-background": ink["cursor"].removeprefix("on "),
            "block-cursor-foreground": ink["strong"],
            "block-cursor-text-style": "bold",
            "footer-key-foreground": ink["accent"],
            "input-cursor-background": ink["accent"],
            "input-cursor-foreground": background,
            "input-selection-background": f"{ink['accent']} 35%",
        },
    )


def _ansi(name: str, *, colors: bool) -> Theme:
    def pick(color: str) -> str:
        return color if colors else "ansi_default"

    return Theme(
        name=name,
        ansi=True,
        primary=pick("ansi_yellow"),
        secondary=pick("ansi_cyan"),
        warning=pick("ansi_bright_yellow"),
        error=pick("ansi_bright_red"),
        success=pick("ansi_green"),
        accent=pick("ansi_yellow"),
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            **BUILTIN_THEMES["ansi-dark"].variables,
            "border": pick("ansi_yellow"),
            "border-blurred": pick("ansi_bright_black"),
            "scrollbar": pick("ansi_bright_black"),
            "scrollbar-background": "ansi_default",
            "block-cursor-foreground": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-text-style": "reverse",
            "input-cursor-text-style": "reverse",
            "input-cursor-background": "ansi_default",
            "input-cursor-foreground": "ansi_default",
            "input-selection-background": pick("ansi_bright_blue"),
            "screen-selection-background": pick("ansi_bright_blue"),
        },
    )


THEMES: tuple[Theme, ...] = (
    _theme("torc-night", _NIGHT, "#14181d", "#191e25", dark=True),
    _theme("torc-day", _DAY, "#f6f4ee", "#efece5", dark=False),
    _theme("torc-safe", _SAFE, "#14181d", "#191e25", dark=True),
    _ansi("torc-16", colors=True),
    _ansi("torc-mono", colors=False),
)


def palette_for(theme: Theme) -> Palette:
    """Return the palette of one of our themes, or one made from the colors of another theme."""
    own = PALETTES.get(theme.name)
    if own is not None:
        return own
    if theme.ansi:
        palette = PALETTES["torc-16"]
    else:
        colors = theme.to_color_system().generate()

        def pick(key: str, fallback: str) -> str:
            value = colors.get(key) or fallback
            try:
                return Color.parse(value.split()[0]).hex6
            except ValueError:
                return fallback

        base = _NIGHT if theme.dark else _DAY
        ink = dict(base)
        for name, key in {
            "text": "foreground", "strong": "foreground", "accent": "accent", "info": "secondary",
            "success": "success", "warning": "warning", "error": "error", "panel": "panel",
            "rest": "panel-lighten-1",
        }.items():  # fmt: skip
            ink[name] = pick(key, base[name])
        background = Color.parse(pick("background", "#14181d" if theme.dark else "#f6f4ee"))
        front = Color.parse(ink["text"])
        ink["muted"] = front.blend(background, 0.35).hex6
        ink["faint"] = front.blend(background, 0.6).hex6
        ink["edge"] = ink["faint"]
        ink["pattern"] = background.blend(front, 0.07).hex6
        ink["cursor"] = f"on {background.blend(front, 0.18).hex6}"
        ink["cursor_blur"] = f"on {background.blend(front, 0.08).hex6}"
        ink["hover"] = f"on {background.blend(front, 0.05).hex6}"
        palette = _palette(theme.name, ink)
    PALETTES[theme.name] = palette
    return palette


def ansi_colors(theme: Theme) -> TerminalTheme:
    """Return the colors in which jobs print: the 16 ANSI colors, made from those of a theme."""
    ink = palette_for(theme)

    def rgb(name: str, part: str = "color") -> tuple[int, int, int]:
        red, green, blue = getattr(ink(name), part).get_truecolor()
        return red, green, blue

    def lighter(name: str) -> tuple[int, int, int]:
        red, green, blue = (
            (2 * one + end) // 3 for one, end in zip(rgb(name), rgb("strong"), strict=True)
        )
        return red, green, blue

    names = ("failed", "completed", "warning", "pending", "canceled", "running")
    front, back = rgb("text"), rgb("header", "bgcolor")
    return TerminalTheme(
        back,
        front,
        [rgb("faint"), *map(rgb, names), front],
        [rgb("muted"), *map(lighter, names), rgb("strong")],
    )


def choose(environ: Mapping[str, str], wanted: str | None = None) -> str:
    """Return the theme to start with; NO_COLOR and limited terminals override the choice."""
    have = terminal.colors(environ)
    if have == 0:
        return "torc-mono"
    if have == 16:
        return wanted if wanted in ("torc-mono", "torc-16") else "torc-16"
    return wanted or "torc-night"


class AsciiOnly(LineFilter):
    """Replaces characters beyond ASCII in the output of all widgets."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(_plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def _plain(text: str) -> str:
    text = text.translate(ASCII)
    return (
        text
        if text.isascii()
        else "".join(char if char.isascii() else "?" * cell_len(char) for char in text)
    )
