"""A screen as PNG: every cell with its character, colors and weight, painted with the DejaVu
fonts.

What comes in: strips of a Textual screen. What goes out: a file. Lines and blocks are drawn, not
set in type, so that they meet whatever the font.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.cells import get_character_cell_size
from rich.color import Color
from rich.style import Style
from textual.app import App
from textual.strip import Strip

FONTS = Path("/usr/share/fonts/truetype/dejavu")
SIZE = 15
SCALE = 2
"""Everything is painted twice as large, for dense displays."""
MARGIN = 10

_EIGHTHS = {char: index for index, char in enumerate(" ▏▎▍▌▋▊▉█")}
_LOWER = {char: index for index, char in enumerate(" ▁▂▃▄▅▆▇█")}
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
# Which of the four arms a line has: left, right, up, down; 2 is heavy.
_LINES = {
    "─": (1, 1, 0, 0), "│": (0, 0, 1, 1), "┌": (0, 1, 0, 1), "┐": (1, 0, 0, 1), "└": (0, 1, 1, 0), "┘": (1, 0, 1, 0),
    "├": (0, 1, 1, 1), "┤": (1, 0, 1, 1), "┬": (1, 1, 0, 1), "┴": (1, 1, 1, 0), "┼": (1, 1, 1, 1),
    "╭": (0, 1, 0, 1), "╮": (1, 0, 0, 1), "╰": (0, 1, 1, 0), "╯": (1, 0, 1, 0),
    "━": (2, 2, 0, 0), "┃": (0, 0, 2, 2), "┏": (0, 2, 0, 2), "┓": (2, 0, 0, 2), "┗": (0, 2, 2, 0), "┛": (2, 0, 2, 0),
    "┣": (0, 2, 2, 2), "┫": (2, 0, 2, 2), "┳": (2, 2, 0, 2), "┻": (2, 2, 2, 0), "╋": (2, 2, 2, 2),
    "┯": (2, 2, 0, 1), "┠": (0, 1, 2, 2), "╴": (1, 0, 0, 0), "╶": (0, 1, 0, 0), "╵": (0, 0, 1, 0), "╷": (0, 0, 0, 1),
}  # fmt: skip
_ROUND = "╭╮╰╯"
# The same for double lines.
_DOUBLE = {
    "═": (1, 1, 0, 0), "║": (0, 0, 1, 1), "╔": (0, 1, 0, 1), "╗": (1, 0, 0, 1), "╚": (0, 1, 1, 0), "╝": (1, 0, 1, 0),
    "╤": (1, 1, 0, 0), "╟": (0, 0, 1, 1),
}  # fmt: skip

Rgb = tuple[int, int, int]


def png(strips: Sequence[Strip], size: tuple[int, int], app: App[object], path: Path) -> None:
    """Write the screen, ``size`` in cells, into that file."""
    # A terminal has few colors: a palette makes the file a third as large and looks the same.
    picture = image_of(strips, size, app)
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def image_of(strips: Sequence[Strip], size: tuple[int, int], app: App[object]) -> Image.Image:
    """Return the screen, ``size`` in cells."""
    fonts = {
        (bold, italic): ImageFont.truetype(
            str(FONTS / f"DejaVuSansMono{_style(bold, italic)}.ttf"), SIZE * SCALE
        )
        for bold in (False, True)
        for italic in (False, True)
    }
    wide = round(fonts[False, False].getlength("M"))
    high = round(SIZE * SCALE * 1.26)
    ground = _rgb(
        app.screen.styles.background.rich_color if app.screen.styles.background.a else None,
        (18, 22, 27),
    )
    width, height = size
    margin = MARGIN * SCALE
    image = Image.new("RGB", (width * wide + 2 * margin, height * high + 2 * margin), ground)
    draw = ImageDraw.Draw(image)
    ink = _rgb(Color.parse(app.theme_variables.get("foreground", "#c8cfd8")), (200, 207, 216))
    for row, strip in enumerate(strips[:height]):
        column = 0
        for segment in strip:
            style = segment.style or Style.null()
            front, back = _rgb(style.color, ink), _rgb(style.bgcolor, ground)
            if style.reverse:
                front, back = back, front
            if style.dim:
                front = _mix(front, back, 0.5)
            font = fonts[bool(style.bold), bool(style.italic)]
            for char in segment.text:
                cells = get_character_cell_size(char)
                left, top = margin + column * wide, margin + row * high
                box = (left, top, left + wide * max(1, cells), top + high)
                if back != ground:
                    draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=back)
                if not _drawn(draw, char, box, front, back) and not char.isspace():
                    draw.text((left, top + round(high * 0.08)), char, font=font, fill=front)
                if style.underline:
                    draw.line((box[0], box[3] - 3, box[2] - 1, box[3] - 3), fill=front, width=SCALE)
                column += cells
    return image


def _style(bold: bool, italic: bool) -> str:
    word = ("Bold" if bold else "") + ("Oblique" if italic else "")
    return f"-{word}" if word else ""


def _rgb(color: Color | None, default: Rgb) -> Rgb:
    if color is None or color.is_default:
        return default
    return tuple(color.get_truecolor())


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _drawn(
    draw: ImageDraw.ImageDraw, char: str, box: tuple[int, int, int, int], ink: Rgb, ground: Rgb
) -> bool:
    """Draw a character that is not a letter; return False for letters."""
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    if char in _SHADES:
        draw.rectangle((left, top, right - 1, bottom - 1), fill=_mix(ink, ground, _SHADES[char]))
    elif char in _EIGHTHS and char != " ":
        draw.rectangle(
            (left, top, left + round(wide * _EIGHTHS[char] / 8) - 1, bottom - 1), fill=ink
        )
    elif char in _LOWER and char != " ":
        draw.rectangle(
            (left, bottom - round(high * _LOWER[char] / 8), right - 1, bottom - 1), fill=ink
        )
    elif char in "▐▕▀▔":
        part = {
            "▐": (0.5, 0, 1, 1),
            "▕": (0.875, 0, 1, 1),
            "▀": (0, 0, 1, 0.5),
            "▔": (0, 0, 1, 0.125),
        }[char]
        corners = (
            left + wide * part[0],
            top + high * part[1],
            left + wide * part[2] - 1,
            top + high * part[3] - 1,
        )
        draw.rectangle(corners, fill=ink)
    elif char in _LINES:
        _lines(draw, char, box, ink)
    elif char in _DOUBLE:
        _double(draw, char, box, ink)
    elif 0x2800 <= ord(char) <= 0x28FF:
        _braille(draw, ord(char) - 0x2800, box, ink)
    else:
        return False
    return True


def _lines(draw: ImageDraw.ImageDraw, char: str, box: tuple[int, int, int, int], ink: Rgb) -> None:
    left, top, right, bottom = box
    x, y = (left + right) // 2, (top + bottom) // 2
    thin = SCALE
    if char in _ROUND:
        radius = (right - left) // 2
        sign_x, sign_y = (1 if char in "╭╰" else -1), (1 if char in "╭╮" else -1)
        middle_x, middle_y = x + sign_x * radius, y + sign_y * radius
        start = {"╭": 180, "╮": 270, "╰": 90, "╯": 0}[char]
        round_box = (middle_x - radius, middle_y - radius, middle_x + radius, middle_y + radius)
        draw.arc(round_box, start, start + 90, fill=ink, width=thin)
        _bar(draw, (x, middle_y), (x, bottom if sign_y > 0 else top), thin, ink)
        _bar(draw, (middle_x, y), (right if sign_x > 0 else left, y), thin, ink)
        return
    for weight, (to_x, to_y) in zip(
        _LINES[char], ((left, y), (right, y), (x, top), (x, bottom)), strict=True
    ):
        if weight:
            _bar(draw, (x, y), (to_x, to_y), thin * weight, ink)


def _double(draw: ImageDraw.ImageDraw, char: str, box: tuple[int, int, int, int], ink: Rgb) -> None:
    left, top, right, bottom = box
    x, y, gap = (left + right) // 2, (top + bottom) // 2, 2 * SCALE
    to_left, to_right, up, down = _DOUBLE[char]
    corner = (to_left or to_right) and (up or down)
    for side in (-gap, gap):
        # At a corner the outer line goes further than the inner one.
        along = side * (1 if to_right else -1) * (1 if down else -1) if corner else 0
        if to_left or to_right:
            start = x + along if corner else left
            _bar(draw, (start, y + side), (right if to_right else left, y + side), SCALE, ink)
        if up or down:
            start = (
                y + along * (1 if to_right else -1) * (1 if down else -1) * (1 if down else -1)
                if corner
                else top
            )
            if corner:
                start = y + (side if to_right else -side) * (1 if down else -1)
            _bar(draw, (x + side, start), (x + side, bottom if down else top), SCALE, ink)
    if char == "╤":
        _bar(draw, (x, y + gap), (x, bottom), SCALE, ink)
    elif char == "╟":
        _bar(draw, (x + gap, y), (right, y), SCALE, ink)


def _bar(
    draw: ImageDraw.ImageDraw, start: tuple[int, int], end: tuple[int, int], width: int, ink: Rgb
) -> None:
    """A straight line that covers the same pixels from whichever end it is drawn."""
    (x, y), (to_x, to_y) = start, end
    low, high = width // 2, width - width // 2 - 1
    if y == to_y:
        corners = (
            min(x, to_x) - (low if to_x > x else 0),
            y - low,
            max(x, to_x) - (to_x > x) + (high if to_x < x else 0),
            y + high,
        )
    else:
        corners = (
            x - low,
            min(y, to_y) - (low if to_y > y else 0),
            x + high,
            max(y, to_y) - (to_y > y) + (high if to_y < y else 0),
        )
    draw.rectangle(corners, fill=ink)


def _braille(
    draw: ImageDraw.ImageDraw, dots: int, box: tuple[int, int, int, int], ink: Rgb
) -> None:
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    places = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    for bit, (column, row) in enumerate(places):
        if dots >> bit & 1:
            x, y = left + wide * (0.28 + 0.44 * column), top + high * (0.14 + 0.24 * row)
            size = wide * 0.13
            draw.ellipse((x - size, y - size, x + size, y + size), fill=ink)
