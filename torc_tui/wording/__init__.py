"""Turn data into the words that users read; the only place where sentences are made.

`quantities` has counts, lists, sizes, durations and times, `sentences` has reasons (`notices`,
`gpu_sentences` and `stale_sentences` some of them), `event_words` has events and failures. None of
them reads a clock or a file.
"""

from __future__ import annotations

from torc_tui.wording.event_words import KEPT as KEPT
from torc_tui.wording.event_words import event_words as event_words
from torc_tui.wording.event_words import failure_line as failure_line
from torc_tui.wording.event_words import kind_words as kind_words
from torc_tui.wording.event_words import lasted as lasted
from torc_tui.wording.event_words import readable as readable
from torc_tui.wording.gpu_sentences import gpu_label as gpu_label
from torc_tui.wording.notices import IGNORED as IGNORED
from torc_tui.wording.quantities import age as age
from torc_tui.wording.quantities import ago as ago
from torc_tui.wording.quantities import clock as clock
from torc_tui.wording.quantities import count as count
from torc_tui.wording.quantities import countdown as countdown
from torc_tui.wording.quantities import duration as duration
from torc_tui.wording.quantities import elapsed as elapsed
from torc_tui.wording.quantities import elapsed_in_column as elapsed_in_column
from torc_tui.wording.quantities import exit_code as exit_code
from torc_tui.wording.quantities import in_lines as in_lines
from torc_tui.wording.quantities import listed as listed
from torc_tui.wording.quantities import moment as moment
from torc_tui.wording.quantities import size as size
from torc_tui.wording.quantities import size_in_column as size_in_column
from torc_tui.wording.quantities import standing as standing
from torc_tui.wording.quantities import status_counts as status_counts
from torc_tui.wording.quantities import time_of_day as time_of_day
from torc_tui.wording.quantities import time_range as time_range
from torc_tui.wording.quantities import timestamp as timestamp
from torc_tui.wording.quantities import two_sizes as two_sizes
from torc_tui.wording.quantities import with_timestamps as with_timestamps
from torc_tui.wording.sentences import canceled_sentence as canceled_sentence
from torc_tui.wording.sentences import end_sentence as end_sentence
from torc_tui.wording.sentences import optional_sentence as optional_sentence
from torc_tui.wording.sentences import sentence as sentence
from torc_tui.wording.stale_sentences import changed_words as changed_words
from torc_tui.wording.stale_sentences import marked_words as marked_words
