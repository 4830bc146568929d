"""The one table of commands. Footer, help, palette and key map are made of it; nothing else names a key.

What comes in: nothing. What goes out: ``COMMANDS``, and look-ups in it. A command is carried out by the first of the
focused widget, its parents, the screen and the app that has a handler for its id.

Keys are written as one writes them: ``R``, ``?``, ``ctrl+p``, ``space``; a chord is keys separated by spaces: ``g g``.
"""

# The table reads as a table:

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torc_tui.operations.catalog import CATALOG
from torc_tui.operations.user_action import Target, UserAction

PRESETS = ("default", "vim")

CONTEXTS = {
    "app": "Everywhere",
    "text": "While typing",
    "filter": "While typing a filter",
    "list": "Lists",
    "canvas": "Drawings",
    "tree": "Trees",
    "log": "Log",
    "editor": "Editor",
    "workflows": "Workflows",
    "workflow": "Workflow",
    "jobs": "Jobs",
    "graph": "Graph",
    "data": "User data",
    "details": "Overview",
    "new": "New workflow",
    "split": "Panes",
    "overlay": "What lies on top",
}
"""Where a command works, and the heading that help gives to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing that a user can do.

    ``shell`` is the command line that does the same; ``{workflow}`` and ``{jobs}`` are filled in. ``footer``: 0 never
    stands in the footer, 1 first; ``short`` is its word there, and with ``row`` it stands there for a row of commands,
    from the first to the last of these two (``1-9 tabs``). ``writes``: changes the store, so read-only mode refuses it. ``destructive``: asks.
    """

    id: str
    title: str
    help: str
    where: tuple[str, ...]
    keys: tuple[str, ...] = ()
    vim: tuple[str, ...] | None = None
    footer: int = 0
    destructive: bool = False
    writes: bool = False
    shell: str | None = None
    palette: bool = True
    short: str = ""
    row: tuple[str, str] | None = None

    def keys_of(self, preset: str) -> tuple[str, ...]:
        return self.vim if preset == "vim" and self.vim is not None else self.keys


def _c(id: str, title: str, help: str, where: str, keys: str = "", **more: object) -> Command:
    vim = more.pop("vim", None)
    return Command(
        id=id,
        title=title,
        help=help,
        where=tuple(where.split()),
        keys=tuple(key for key in keys.split("  ") if key),
        vim=None if vim is None else tuple(key for key in str(vim).split("  ") if key),
        **more,  # type: ignore[arg-type]  # the keywords of Command
    )


def _of_catalog(action: UserAction) -> Command:
    """Return the command of an action that the command line offers, too."""
    shell = action.shell
    return Command(
        id=action.id,
        title=action.title,
        help=f"{action.help}.",
        where=action.contexts,
        keys=action.keys,
        vim=action.vim,
        footer=action.footer,
        destructive=action.confirm is not None,
        writes=True,
        shell=None if shell is None else shell.replace("{argument}", "N"),
    )


COMMANDS: tuple[Command, ...] = (
    # -- everywhere
    _c("help", "help", "What every key does here.", "app", "?  f1", footer=90),
    _c("palette", "commands", "Find any command or job by its name.", "app text", "ctrl+p", footer=80),
    _c("back", "back", "Close what is on top, leave the field, or go back to the list of workflows.",
       "app text editor overlay", "escape", palette=False, footer=88),
    _c("quit", "quit", "Leave the app. What runs goes on.", "app", "q", footer=95),
    _c("quit-now", "quit", "Leave the app from anywhere. What runs goes on.", "app text editor", "ctrl+q", palette=False),
    _c("suspend", "suspend", "Suspend the app; fg in the shell continues it.", "app", "ctrl+z", palette=False),
    _c("command-line", "as command", "Show the command line of what was done last, to copy it.", "app", ":", footer=70),
    _c("theme", "theme", "Choose the colours.", "app", ""),
    _c("keys-preset", "key preset", "Switch between the key presets default and vim.", "app", ""),
    _c("keys-write", "write key map", "Write all keys into the key map file, to change them there.", "app", ""),
    _c("screenshot", "screenshot", "Write a picture of the screen as SVG.", "app", ""),
    _c("reload", "reload", "Read everything anew from the store.", "app", "ctrl+l"),
    _c("notify", "notify", "Tell me when this job, group or workflow ends.", "workflow workflows", "n"),
    _c("notify-workflow", "notify: workflow", "Tell me when the whole workflow ends.", "workflow", ""),
    # -- panes
    _c("maximise", "maximise", "This pane alone on the screen, and back.", "split", "z", footer=60),
    _c("split-left", "split left", "Move the border between the panes to the left.", "split", "<", vim="ctrl+w <"),
    _c("split-right", "split right", "Move the border between the panes to the right.", "split", ">", vim="ctrl+w >"),
    _c("split-turn", "turn split", "Panes beside each other, or one above the other.", "split", "|"),
    _c("next-pane", "next pane", "To the next pane.", "app text", "tab", vim="tab  ctrl+w w", palette=False, footer=19,
       short="pane"),
    _c("previous-pane", "previous pane", "To the pane before.", "app text", "shift+tab", palette=False),
    # -- lists
    _c("cursor-up", "up", "One row up.", "list tree", "up", vim="k  up", palette=False),
    _c("cursor-down", "down", "One row down.", "list tree", "down", vim="j  down", palette=False),
    _c("page-up", "page up", "One page up.", "list tree log canvas", "pageup", vim="ctrl+b  pageup", palette=False),
    _c("page-down", "page down", "One page down.", "list tree log canvas", "pagedown", vim="ctrl+f  pagedown",
       palette=False),
    _c("cursor-top", "top", "To the first row.", "list tree log canvas", "home", vim="g g  home", palette=False),
    _c("cursor-bottom", "bottom", "To the last row.", "list tree log canvas", "end", vim="G  end", palette=False),
    _c("scroll-left", "left", "Columns further left.", "list log", "left", vim="h  left", palette=False),
    _c("scroll-right", "right", "Columns further right; at first, all that had no room.", "list log", "right",
       vim="l  right", palette=False),
    _c("activate", "open", "Open what is under the cursor.", "list", "enter", footer=2, palette=False),
    _c("mark", "mark", "Mark the row, for acts on several.", "list", "space", footer=30, palette=False),
    _c("mark-all", "mark all", "Mark all rows that the filter shows, or none.", "list", "ctrl+a"),
    _c("mark-none", "unmark", "Take all marks away.", "list", "backspace"),
    _c("mark-invert", "invert marks", "Mark what is not marked, and the reverse.", "list", "*"),
    _c("sort-next", "sort", "Sort by the next column.", "list", "s", footer=50),
    _c("sort-reverse", "reverse", "Turn the order round.", "list", "S"),
    _c("filter", "filter", "Show only what matches: words, status:failed, cpus>4, name~regex, exit:137, after:job.",
       "workflow workflows", "/", footer=20),
    _c("filter-clear", "all", "Show everything again.", "workflow workflows", "\\"),
    _c("filter-keep", "keep", "Back to the list; the filter stays.", "filter", "enter", footer=1, palette=False),
    _c("filter-cancel", "clear", "Back to the list without a filter.", "filter", "escape", footer=2, palette=False),
    _c("filter-complete", "complete", "Complete the word.", "filter", "tab", footer=3, palette=False),
    _c("filter-older", "history", "The filter before, of those that were used.", "filter", "up", footer=4, palette=False),
    _c("filter-newer", "newer", "The filter after; behind the newest one back to the list.", "filter", "down",
       palette=False),
    # -- drawings
    _c("pan-left", "left", "Move the view left.", "canvas", "left", vim="h  left", palette=False),
    _c("pan-right", "right", "Move the view right.", "canvas", "right", vim="l  right", palette=False),
    _c("pan-up", "up", "Move the view up.", "canvas", "up", vim="k  up", palette=False),
    _c("pan-down", "down", "Move the view down.", "canvas", "down", vim="j  down", palette=False),
    # -- details of a job
    _c("details-next", "next link", "To the next job that is named here, or further down.", "details", "down",
       vim="j  down", palette=False),
    _c("details-previous", "previous link", "To the named job before, or further up.", "details", "up", vim="k  up",
       palette=False),
    _c("details-open", "go to", "Select the job under the cursor; without one, all reasons.", "details", "enter", footer=2,
       palette=False),
    # -- trees
    _c("tree-open", "open", "Open the branch, or go to its first leaf.", "tree", "right", vim="l  right", palette=False),
    _c("tree-close", "close", "Close the branch, or go to its parent.", "tree", "left", vim="h  left", palette=False),
    _c("tree-toggle", "open/close", "Open or close the branch.", "tree", "enter  space", footer=5, palette=False),
    _c("tree-open-all", "open all", "Open everything below.", "tree", "*"),
    _c("tree-search", "search", "Find a path, key or value.", "tree", "/", footer=20),
    _c("copy-path", "copy path", "Copy the path of this value.", "tree", "Y"),
    _c("copy-value", "copy value", "Copy this value.", "tree data", "y", footer=30),
    _c("tree-next", "next hit", "To the next hit of the search.", "tree", "n"),
    _c("tree-previous", "previous hit", "To the hit before.", "tree", "N"),
    # -- logs
    _c("log-follow", "follow", "Stay at the end while the log grows.", "log", "f", footer=5),
    _c("log-wrap", "wrap", "Wrap long lines, or cut them.", "log", "w", footer=10),
    _c("log-stream", "stream", "Standard output, errors, or both.", "log", "o", footer=12),
    _c("log-attempt", "attempt", "The log of another attempt.", "log", "a"),
    _c("log-search", "search", "Search the whole file.", "log", "/", footer=8),
    _c("log-next", "next hit", "To the next hit.", "log", "n"),
    _c("log-previous", "previous hit", "To the hit before.", "log", "N"),
    _c("log-pager", "pager", "Open the log in $PAGER.", "log", "O"),
    _c("log-copy", "copy", "Copy the marked lines, or what is on screen.", "log", "y", footer=25),
    _c("log-copy-all", "copy all", "Copy the whole log; what is too large goes into a file.", "log", "Y"),
    _c("log-select-up", "mark up", "Mark lines, upwards; or drag over them.", "log", "shift+up", palette=False),
    _c("log-select-down", "mark down", "Mark lines, downwards; or drag over them.", "log", "shift+down", palette=False),
    _c("log-up", "up", "One line up.", "log", "up", vim="k  up", palette=False),
    _c("log-down", "down", "One line down.", "log", "down", vim="j  down", palette=False),
    # -- the list of workflows
    _c("workflow-new", "new", "Make a workflow from its file, after a preview.", "workflows", "N", footer=5, writes=True,
       shell="torc create FILE"),
    _c("workflow-import", "import", "Make a workflow from an exported one.", "workflows", "", writes=True,
       shell="torc workflows import FILE"),
    _c("new-create", "create", "Store the workflow that is shown; nothing runs yet.", "new text", "ctrl+s", footer=1,
       writes=True, shell="torc create FILE"),
    _c("new-run", "create and run", "Store the workflow that is shown, and start a runner.", "new text", "ctrl+r", footer=2,
       writes=True, shell="torc run --detach FILE"),
    _c("new-folder", "folder", "Jobs run in the folder of the file, or in the current one.", "new text", "ctrl+o",
       footer=3),
    _c("archived", "archived", "Show archived workflows too, or hide them.", "workflows", "A"),
    _c("all-users", "all users", "Show everybody's workflows, or mine.", "workflows", "U"),
    # -- acts on workflows
    _c("workflow-initialize", "initialize", "Make the jobs ready: files checked, states set.", "workflow workflows", "I",
       writes=True, shell="torc workflows init {workflow}"),
    _c("workflow-run", "run", "Start a runner in the background; it goes on when the app is left.", "workflow workflows",
       "R", footer=10, writes=True, shell="torc run {workflow} --detach"),
    _c("workflow-stop", "stop", "Stop the runner (SIGTERM to its jobs); press again to kill.", "workflow workflows", "X",
       footer=10, writes=True, destructive=True, shell="torc workflows stop {workflow}"),
    _c("workflow-pause", "pause", "Start no new jobs, or go on.", "workflow workflows", "P", writes=True,
       shell="torc workflows pause {workflow}"),
    _c("workflow-cancel", "cancel run", "Cancel all that has not ended.", "workflow workflows", "C", writes=True,
       destructive=True, shell="torc workflows cancel {workflow}"),
    _c("workflow-resize", "resize", "Change how much a running runner may use.", "workflow workflows", "", writes=True,
       shell="torc compute-nodes resize RUNNER --num-cpus N"),
    _c("workflow-rename", "rename", "Another name or description.", "workflow workflows", "", writes=True,
       shell="torc workflows update {workflow} --name NAME"),
    _c("workflow-archive", "archive", "Put it away, or take it out again.", "workflow workflows", "", writes=True,
       shell="torc workflows archive true {workflow}"),
    _c("workflow-delete", "delete", "Delete the workflow with everything it recorded.", "workflow workflows", "D",
       writes=True, destructive=True, shell="torc workflows delete {workflow}"),
    _c("workflow-export", "export", "Write the workflow into a file.", "workflow workflows", "",
       shell="torc workflows export {workflow} -o FILE"),
    # -- tabs of the workflow
    *(
        _c(f"tab-{name}", name.replace("_", " "), f"Show {what}.", "workflow", str(digit))
        for digit, (name, what) in enumerate(
            (
                ("overview", "what the job is, and why it waits or failed"),
                ("log", "its log"),
                ("graph", "the graph"),
                ("data", "the user data"),
                ("files", "the files"),
                ("history", "the events of the job"),
                ("events", "the events of the workflow"),
                ("results", "the results"),
                ("resources", "CPUs, memory and GPUs, and who holds them"),
            ),
            start=1,
        )
    ),
    _c("tab-next", "next tab", "To the next tab.", "workflow", "]", palette=False, footer=18, short="tabs",
       row=("tab-overview", "tab-resources")),
    _c("tab-previous", "previous tab", "To the tab before.", "workflow", "["),
    # -- acts on jobs
    _c("job-why", "why", "The whole chain of reasons.", "jobs", "enter", footer=2),
    *(_of_catalog(action) for action in CATALOG if action.target is Target.JOBS),
    _c("job-copy", "copy line", "Copy a line that reproduces the job.", "jobs workflow", "y",
       shell="torc jobs reproduce JOB"),
    _c("job-shell", "shell", "A shell in the job's folder, with its environment, devices and data.", "jobs workflow", "!"),
    _c("group-toggle", "fold", "Fold the group of this job into one row, or open it.", "jobs", "-"),
    _c("fold-all", "fold all", "Fold all job groups, or open them.", "jobs", "_"),
    _c("search-logs", "search logs", "Search the logs of all jobs.", "workflow", "L  ctrl+f", vim="L"),
    # -- graph
    _c("graph-zoom-in", "closer", "More detail in the boxes.", "graph", "+"),
    _c("graph-zoom-out", "further", "Less detail in the boxes.", "graph", "-"),
    _c("graph-nodes", "files/data", "Files and user data as nodes of their own, or not.", "graph", "F"),
    _c("graph-ancestors", "ancestors", "Only what the selection waits for.", "graph", "a", footer=12),
    _c("graph-descendants", "descendants", "Only what waits for the selection.", "graph", "d"),
    _c("graph-all", "whole graph", "The whole graph again.", "graph", "w"),
    _c("graph-expand", "expand", "Open the group in place, or fold it.", "graph", "enter  space", footer=5),
    _c("graph-next", "next box", "Select the next box.", "graph", "b", footer=8),
    _c("graph-minimap", "minimap", "Show the minimap, or hide it.", "graph", "m"),
    _c("graph-direct", "direct lines", "Only the lines that do not follow from others, or all.", "graph", "l", vim="D"),
    _c("graph-critical", "critical path", "Light the critical path.", "graph", "c"),
    _c("graph-export", "export", "Write the graph as Mermaid, DOT or SVG.", "graph", "E",
       shell="torc graph {workflow} -f svg"),
    # -- user data
    _c("data-edit", "edit", "Edit the value as JSON.", "data tree", "e", footer=4, writes=True,
       shell="torc user-data update ID --data JSON"),
    _c("data-editor", "$EDITOR", "Edit the value in $EDITOR.", "data tree", "E", writes=True),
    _c("data-versions", "versions", "Every value that was written: compare, restore.", "data tree", "v", footer=6),
    _c("data-text", "tree/text", "The value as a tree, or as text.", "data", "t", footer=8),
    _c("data-of-job", "of job", "Only what the selected job reads and writes, or all records.", "data", "o", footer=10),
    _c("data-schema", "schema", "The schema of the record, and what the value violates.", "data", "i"),
    _c("data-command", "copy command", "Copy the command line that writes this value.", "data", "c", footer=34),
    _c("data-new", "new record", "Make another record.", "data", "a", footer=36, writes=True,
       shell="torc user-data create {workflow} --name NAME"),
    _c("data-clear", "set to null", "Take the value away; the history keeps it.", "data", "x", writes=True,
       destructive=True, shell="torc user-data update RECORD --data null"),
    _c("data-delete", "delete record", "Delete the record with its history.", "data", "d", writes=True,
       destructive=True, shell="torc user-data delete RECORD"),
    _c("data-restore", "restore", "Make the value of this version the newest.", "data", "r", footer=3, writes=True,
       shell="torc user-data restore RECORD VERSION"),
    _c("editor-save", "save", "Save, after the difference was shown.", "editor", "ctrl+s", footer=1, writes=True),
    _c("editor-format", "format", "Indent the JSON.", "editor", "ctrl+t", footer=3),
    _c("editor-external", "$EDITOR", "Go on in $EDITOR; what it leaves comes back here.", "editor", "ctrl+o", footer=5),
    _c("editor-error", "to the error", "Put the cursor where the text is no JSON.", "editor", "ctrl+g", footer=7),
)  # fmt: skip

BY_ID: dict[str, Command] = {command.id: command for command in COMMANDS}


def of_context(context: str) -> list[Command]:
    """The commands that work in a context, in the order of the table."""
    return [command for command in COMMANDS if context in command.where]


def footer(contexts: Iterable[str]) -> list[Command]:
    """The commands for the footer where these contexts hold, the most important first."""
    seen: dict[str, Command] = {}
    for context in contexts:
        for command in of_context(context):
            if command.footer and command.id not in seen:
                seen[command.id] = command
    return sorted(seen.values(), key=lambda command: command.footer)


def command_line(command: Command, *, workflow: int | None, jobs: Iterable[int] = ()) -> str | None:
    """What to type to do the same; None where there is no such command."""
    if command.shell is None:
        return None
    ids = list(jobs)
    shown = " ".join(map(str, ids[:20])) + (f" … ({len(ids)} jobs)" if len(ids) > 20 else "")
    return command.shell.format(
        workflow="ID" if workflow is None else workflow, jobs=shown or "JOB_ID"
    )
