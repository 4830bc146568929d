"""Write an HTML page that needs nothing from outside, in light and in dark colors.

Input: parts that are HTML already. Output: the page. The policy of the page forbids every address,
and every script but the one of this module.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from html import escape

from torc_tui.views.ansi import one_line

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --raised: #f6f8fa; --text: #1f2328;
  --soft: #59636e; --line: #d1d9e0; --accent: #0969da; --bad: #cf222e; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --raised: #161b22;
  --text: #e6edf3; --soft: #9198a1; --line: #30363d; --accent: #58a6ff; --bad: #f85149;
  --good: #3fb950; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); line-height: 1.5;
  font: 15px/1.5 ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 96px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -.01em; overflow-wrap: anywhere }
h2 { font-size: 18px; margin: 48px 0 12px; padding-bottom: 6px;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 15px; margin: 24px 0 8px; overflow-wrap: anywhere }
p { margin: 6px 0 } .soft { color: var(--soft) } .bad { color: var(--bad) }
a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
nav { margin: 16px 0 0; display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 14px }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0 0 }
.tile { background: var(--raised); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 16px; min-width: 108px; }
.tile b { display: block; font-size: 22px; font-weight: 600; line-height: 1.3 }
.tile span { color: var(--soft); font-size: 13px }
.wide { overflow-x: auto } svg { max-width: 100%; height: auto }
table { border-collapse: collapse; width: 100%; font-size: 13.5px;
  font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere }
th { color: var(--soft); font-weight: 600; white-space: nowrap }
table.sortable th { cursor: pointer; user-select: none }
table.sortable th:hover { color: var(--accent) }
th[aria-sort=ascending]::after { content: " \\2191"; color: var(--accent) }
th[aria-sort=descending]::after { content: " \\2193"; color: var(--accent) }
td.n, th.n { text-align: right; white-space: nowrap }
td.n + td:not(.n), th.n + th:not(.n) { padding-left: 16px }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; overflow-x: auto; font: 12.5px/1.45 ui-monospace, Menlo, Consolas,
  monospace; }
code { font: 12.5px/1.45 ui-monospace, Menlo, Consolas, monospace }
figure pre { max-height: 420px; overflow: auto }
figure { margin: 16px 0 32px } figcaption { color: var(--soft); margin-top: 6px }
figure img { max-width: 100%; border: 1px solid var(--line); border-radius: 8px;
  background: #ffffff }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 7px }
input.filter { font: inherit; color: inherit; background: var(--raised); width: 280px;
  max-width: 100%; border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px;
  margin: 0 0 10px }
footer { margin-top: 64px; color: var(--soft); font-size: 13px }
@media print { body { font-size: 12px } nav, input.filter { display: none } }
"""

SCRIPT = """
"use strict";
function key(cell) {
  const given = cell.dataset.sort;
  if (given === undefined) return cell.textContent;
  return given === "" ? null : Number(given);
}
function compare(a, b) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
function sort(head) {
  const table = head.closest("table"), body = table.tBodies[0];
  const column = head.cellIndex, down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = Array.from(body.rows);
  rows.sort((one, two) => {
    const a = key(one.cells[column]), b = key(two.cells[column]);
    if (a === null || b === null) return compare(a, b);
    return down ? compare(b, a) : compare(a, b);
  });
  body.append(...rows);
}
for (const head of document.querySelectorAll("table.sortable th")) {
  head.tabIndex = 0;
  head.addEventListener("click", () => sort(head));
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(head); });
}
for (const field of document.querySelectorAll("input.filter")) {
  const rows = field.nextElementSibling.querySelector("tbody").rows;
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
"""
"""The only script of a page: sort a table by its headings, filter its rows. It holds no data."""

_HASH = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}';"
    " base-uri 'none'; form-action 'none'"
)


def page(title: str, parts: Iterable[str], *, style: str = "") -> str:
    """Return a page; the title is text, the parts are HTML."""
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}{style}</style></head>\n"
        f"<body><main>\n{body}\n</main>\n<script>{SCRIPT}</script></body></html>\n"
    )


def text(value: str, most: int = 2000) -> str:
    """Return a text of a user as HTML on one line: markup in it is shown, not used."""
    if len(value) <= most and value.isascii() and value.isprintable():
        return escape(value)
    return escape(one_line(value, most))


def block(value: str) -> str:
    """Return a text of several lines as HTML."""
    return escape("\n".join(one_line(line, 4000) for line in value.splitlines()))
