"""List the commands of the app. Footer, help, palette and key map are made from this table.

Commands that are user actions come from `torc_tui.operations.catalog`; the rows here are those that
only the app has. A command is carried out by the first of the focused widget, its parents, the
screen and the app that has a handler for its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torc_tui.operations.catalog import CATALOG
from torc_tui.operations.user_action import Target, UserAction, shell_line
from torc_tui.tui.frame.command import ARROWS, AppCommand
from torc_tui.tui.frame.command import cmd as _c
from torc_tui.tui.frame.command import hidden as _hidden
from torc_tui.tui.frame.tab_commands import TAB_COMMANDS


def _paired_actions() -> dict[str, tuple[UserAction, ...]]:
    found: dict[object, list[UserAction]] = {}
    for action in CATALOG:
        if action.contexts:
            flag = action.sets and (action.target, action.sets[0])
            found.setdefault(flag or action.id, []).append(action)
    return {actions[0].id: tuple(actions) for actions in found.values()}


ACTIONS = _paired_actions()
"""The actions of a command: one, or two that set and clear one flag, such as pause and resume."""


def _of_catalog(*targets: Target) -> Iterable[AppCommand]:
    """Yield the commands of actions on these targets."""
    for first, *others in ACTIONS.values():
        if first.target in targets:
            yield AppCommand(
                id=first.id,
                title="/".join(one.title for one in (first, *others)),
                help="; or ".join((first.help, *(f"{one.verb} it" for one in others))),
                where=first.contexts,
                keys=first.keys,
                vim=first.vim,
                footer=first.footer,
                writes=True,
                shell=shell_line(first),
            )


_TABS = (
    ("overview", "Show what the job is, and why it waits or failed"),
    ("log", "Show the log of the job"),
    ("graph", "Show the graph of the workflow"),
    ("data", "Show the user data"),
    ("files", "Show the files of the workflow"),
    ("timeline", "Show when and where the attempts of a run ran"),
    ("results", "Show the results of all attempts"),
    ("rerun", "Show failed jobs by reason, and which jobs would run again and why"),
    ("events", "Show the events of the workflow"),
    ("resources", "Show CPUs, memory and GPUs, and the jobs that use them"),
)

COMMANDS: tuple[AppCommand, ...] = (
    # -- everywhere
    _c("help", "help", "Show the keys that work here, and the help topics", "app", "?  f1",
       footer=90),
    _c("palette", "commands", "Find a command, job or help topic by its name", "app text", "ctrl+p",
       footer=80),
    _hidden("back", "back", "Close a dialog, leave a field, or return to the list of workflows",
            "app text editor overlay", "escape", footer=88),
    _c("quit", "quit", "Quit the app; runners continue", "app", "q", footer=95),
    _hidden("quit-now", "quit", "Quit the app, also from a text field", "app text editor",
            "ctrl+q"),
    _hidden("suspend", "suspend", "Suspend the app; fg in the shell resumes it", "app overlay",
            "ctrl+z"),
    _c("command-line", "command line", "Show the command line of the last action, to copy it",
       "app", ":", footer=70),
    _c("theme", "theme", "Choose the colors", "app"),
    _c("keys-preset", "key preset", "Switch between the key presets default and vim", "app"),
    _c("keys-write", "write key map", "Write all keys to the key map file, to change them", "app"),
    _c("screenshot", "screenshot", "Save a picture of the screen as SVG", "app"),
    _c("reload", "reload", "Reload everything from the database", "app", "ctrl+l"),
    _c("notify", "notify", "Notify when the job, job group or workflow finishes",
       "workflow workflows", "n"),
    _c("notify-workflow", "notify: workflow", "Notify when the whole workflow finishes",
       "workflow"),
    # -- panes
    _c("maximize", "maximize", "Show only this pane, or both panes again", "split", "z", footer=60),
    _c("split-left", "split left", "Move the border between the panes to the left", "split", "<",
       vim="ctrl+w <"),
    _c("split-right", "split right", "Move the border between the panes to the right", "split", ">",
       vim="ctrl+w >"),
    _c("split-turn", "turn split", "Put the panes side by side, or one above the other", "split",
       "|"),
    _hidden("next-pane", "next pane", "Go to the next pane", "app text", "tab",
            vim="tab  ctrl+w w", footer=19, short="pane"),
    _hidden("previous-pane", "previous pane", "Go to the previous pane", "app text", "shift+tab"),
    # -- lists
    _hidden("cursor-up", "up", "Move up one row", "list tree", "up", vim="k  up"),
    _hidden("cursor-down", "down", "Move down one row", "list tree", "down", vim="j  down"),
    _hidden("page-up", "page up", "Move up one page", "list tree log canvas", "pageup",
            vim="ctrl+b  pageup"),
    _hidden("page-down", "page down", "Move down one page", "list tree log canvas", "pagedown",
            vim="ctrl+f  pagedown"),
    _hidden("cursor-top", "top", "Go to the first row", "list tree log canvas", "home",
            vim="g g  home"),
    _hidden("cursor-bottom", "bottom", "Go to the last row", "list tree log canvas", "end",
            vim="G  end"),
    _hidden("scroll-left", "left", "Scroll left", "list log", "left", vim="h  left"),
    _hidden("scroll-right", "right", "Scroll right; in a table, first show all columns",
            "list log", "right", vim="l  right"),
    _hidden("activate", "open", "Open the row under the cursor", "list", "enter", footer=2),
    _hidden("mark", "mark", "Mark the row, for actions on several rows", "list", "space",
            footer=30),
    _c("mark-all", "mark all", "Mark all rows that the filter shows, or none", "list", "ctrl+a"),
    _c("mark-none", "unmark", "Remove all marks", "list heat", "backspace"),
    _c("mark-invert", "invert marks", "Invert the marks of all rows", "list",
       "*"),
    _c("sort-next", "sort", "Sort by the next column", "list", "s", footer=50),
    _c("sort-reverse", "reverse", "Reverse the sort order", "list", "S"),
    _c("filter", "filter",
       "Filter by words, status:failed, cpus>4, name~regex, exit:137, after:job",
       "workflow workflows", "/", footer=20),
    _c("filter-next", "next state",
       "Show only failed, running or waiting jobs; then all jobs again",
       "workflow workflows", "f", footer=21, short="state"),
    _c("filter-same", "same value", "Filter by a value of the selected job", "jobs", "="),
    _c("filter-clear", "show all", "Remove the filter", "workflow workflows", "\\"),
    _hidden("filter-keep", "keep", "Return to the list, and keep the filter", "filter", "enter",
            footer=1),
    _hidden("filter-cancel", "clear", "Return to the list, and remove the filter", "filter",
            "escape", footer=2),
    _hidden("filter-complete", "complete", "Complete the word", "filter", "tab", footer=3),
    _hidden("filter-older", "history", "Go to the previous filter of the history", "filter", "up",
            footer=4),
    _hidden("filter-newer", "newer", "Go to the next filter of the history, then to the list",
            "filter", "down"),
    # -- pages and graphs
    *(_hidden(f"pan-{arrow}", arrow, f"Scroll {arrow}", "canvas", f"{arrow}  shift+{arrow}",
              vim=f"{key}  {arrow}  shift+{arrow}") for key, arrow, _ in ARROWS),
    _hidden("details-next", "next link", "Go to the next link to a job, or scroll down", "details",
            "down", vim="j  down"),
    _hidden("details-previous", "previous link", "Go to the previous link to a job, or scroll up",
            "details", "up", vim="k  up"),
    _hidden("details-open", "go to", "Select the job of the link; without one, show all reasons",
            "details", "enter", footer=2),
    # -- trees
    _hidden("tree-open", "open", "Open the branch, or go to its first child", "tree", "right",
            vim="l  right"),
    _hidden("tree-close", "close", "Close the branch, or go to its parent", "tree", "left",
            vim="h  left"),
    _hidden("tree-toggle", "open/close", "Open or close the branch", "tree", "enter  space",
            footer=5),
    _c("tree-open-all", "open all", "Open everything below the cursor", "tree", "*"),
    _c("tree-search", "search", "Find a path, key or value", "tree", "/", footer=20),
    _c("copy-path", "copy path", "Copy the path of the value", "tree", "Y"),
    _c("copy-value", "copy value", "Copy the value", "tree data", "y", footer=30),
    _c("tree-next", "next match", "Go to the next match of the search", "tree", "n"),
    _c("tree-previous", "previous match", "Go to the previous match of the search", "tree", "N"),
    # -- logs
    _c("log-follow", "follow", "Follow the end of the log, or stop following it", "log", "f",
       footer=5),
    _c("log-wrap", "wrap", "Wrap long lines, or cut them off", "log", "w", footer=10),
    _c("log-stream", "stream", "Show standard output, standard error, or both", "log", "o",
       footer=12),
    _c("log-attempt", "attempt", "Show the log of another attempt", "log", "a"),
    _c("log-search", "search", "Search the whole log", "log", "/", footer=8),
    _c("log-next", "next match", "Go to the next match of the search", "log", "n"),
    _c("log-previous", "previous match", "Go to the previous match of the search", "log", "N"),
    _c("log-pager", "pager", "Open the log in $PAGER", "log", "O"),
    _c("log-copy", "copy", "Copy the selected lines, or those on screen", "log", "y", footer=25),
    _c("log-copy-all", "copy all", "Copy the whole log; a large log is written to a file",
       "log", "Y"),
    _hidden("log-select-up", "select up", "Select lines upwards; the mouse does it by dragging",
            "log", "shift+up"),
    _hidden("log-select-down", "select down",
            "Select lines downwards; the mouse does it by dragging", "log", "shift+down"),
    _hidden("log-up", "up", "Scroll up one line", "log", "up", vim="k  up"),
    _hidden("log-down", "down", "Scroll down one line", "log", "down", vim="j  down"),
    # -- the list of workflows
    _c("workflow-new", "new", "Create a workflow from a file, after a preview", "workflows", "N",
       footer=5, writes=True, shell="torc create FILE"),
    _c("workflow-import", "import", "Import an exported workflow", "workflows", writes=True,
       shell="torc workflows import FILE"),
    _c("new-create", "create", "Create the workflow of the preview; nothing runs yet", "new text",
       "ctrl+s", writes=True, shell="torc create FILE"),
    _c("new-run", "create and run", "Create the workflow of the preview, and start a runner",
       "new text", "ctrl+r", writes=True, shell="torc run --detach FILE"),
    _c("new-folder", "directory",
       "Run the jobs in the directory of the file, or in the current directory", "new text",
       "ctrl+o", footer=3),
    _c("archived", "archived", "Show archived workflows, or hide them", "workflows", "A"),
    _c("all-users", "all users", "Show the workflows of all users, or only yours", "workflows",
       "U"),
    # -- actions on workflows
    *_of_catalog(Target.WORKFLOW, Target.WORKFLOWS, Target.RUNNER, Target.ALLOCATION,
                 Target.QUEUE_GROUP),
    _c("workflow-run-options", "run with options",
       "Start a runner with labels, or with a part of the machine", "workflow workflows",
       writes=True, shell="torc run ID --detach --label LABEL"),
    _c("workflow-export", "export", "Export the workflow to a file", "workflow workflows",
       shell="torc workflows export ID -o FILE"),
    _c("runners-resize", "resize runner", "Change how much of its machine the runner may use",
       "runners", "r", footer=4, short="resize", writes=True,
       shell="torc compute-nodes resize RUNNER --num-cpus N"),
    _c("runners-drop", "drop runner", "Take the jobs from the runner, if it is lost", "runners",
       "d", footer=5, short="drop", writes=True, shell="torc compute-nodes drop RUNNER"),
    # -- tabs of the workflow
    *(_c(f"tab-{name}", name, help, "workflow", str(digit % 10))
      for digit, (name, help) in enumerate(_TABS, start=1)),
    _hidden("tab-next", "next tab", "Go to the next tab", "workflow", "}", footer=18, short="tabs",
            row=("tab-overview", "tab-resources")),
    _hidden("tab-previous", "previous tab", "Go to the previous tab", "workflow", "{"),
    _c("tab-view", "next view", "Show the next view of the tab, such as the heat map", "workflow",
       "v"),
    _c("failed-next", "next failed", "Go to the next failed job, in any tab", "workflow", "]",
       footer=16, short="failed", row=("failed-previous", "failed-next")),
    _c("failed-previous", "previous failed", "Go to the previous failed job, in any tab",
       "workflow", "["),
    # -- jobs
    _c("job-open", "open", "Open the log of the job in full size, or explain why it waits",
       "jobs timeline", "enter", footer=2),
    _c("job-why", "why", "Explain why the job waits, failed or is unschedulable", "jobs", "w",
       footer=11),
    *_of_catalog(Target.JOBS),
    _c("job-memory", "more memory", "Retry jobs with more memory", "jobs", "m", writes=True,
       shell="torc jobs retry JOB --memory x2"),
    _c("job-command", "edit command", "Edit the command of jobs that failed, and retry them",
       "jobs", writes=True, shell="torc jobs retry JOB --command 's/PATTERN/TEXT/'"),
    _c("job-copy", "copy command", "Copy a command line that reproduces the job",
       "jobs workflow", "y", shell="torc jobs reproduce JOB"),
    _c("job-shell", "shell", "Open a shell with the directory, environment and GPUs of the job",
       "jobs workflow", "!"),
    _c("group-toggle", "fold", "Fold the job group into one row, or open it", "jobs", "-"),
    _c("fold-all", "fold all", "Fold all job groups, or open them", "jobs", "_"),
    _c("search-logs", "search logs", "Search the logs of all jobs", "workflow", "L  ctrl+f",
       vim="L"),
    # -- graph, timeline, events, results, rerun, files
    *TAB_COMMANDS,
    # -- user data
    *_of_catalog(Target.RECORD, Target.NOTHING),
    _c("data-editor", "$EDITOR", "Edit the value in $EDITOR", "data tree", "E", writes=True),
    _c("data-versions", "versions", "List the versions of the value, to compare and restore them",
       "data tree", "v", footer=6),
    _c("data-text", "tree/text", "Show the value as a tree, or as text", "data", "t", footer=8),
    _c("data-of-job", "by job", "Show only the records that the selected job uses, or all", "data",
       "o", footer=10),
    _c("data-schema", "schema", "Show the schema of the record, and violations of it", "data", "i"),
    _c("data-command", "copy command", "Copy the command line that writes this value", "data", "c",
       footer=34),
    _c("editor-save", "save", "Review the changes, and save them", "editor", "ctrl+s", footer=1,
       writes=True),
    _c("editor-format", "format", "Indent the JSON", "editor", "ctrl+t", footer=3),
    _c("editor-external", "$EDITOR", "Edit the text in $EDITOR, then return here", "editor",
       "ctrl+o", footer=5),
    _c("editor-error", "go to error", "Go to the first JSON error", "editor",
       "ctrl+g", footer=7),
)  # fmt: skip

BY_ID: dict[str, AppCommand] = {command.id: command for command in COMMANDS}


def of_context(context: str) -> list[AppCommand]:
    """Return the commands that work in a context, in the order of the table."""
    return [command for command in COMMANDS if context in command.where]


def footer(contexts: Sequence[str]) -> list[AppCommand]:
    """Return the footer commands of these contexts, the most important first."""
    seen: dict[str, AppCommand] = {}
    for context in contexts:
        for command in of_context(context):
            if command.footer:
                seen.setdefault(command.id, command)
    return sorted(seen.values(), key=lambda command: command.footer)
