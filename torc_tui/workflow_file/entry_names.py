"""Name the entries of a document that have no name of their own.

Input: the document, whose entries are changed in place. Output: names.
"""

from __future__ import annotations

from torc_tui.workflow_file.document import List, Map


def name_inline_requirements(top: Map) -> frozenset[str]:
    """Move requirements that are written inside a job to their section, named after the job.

    Return the names of those that declare no CPUs.
    """
    jobs, section = top.get("jobs"), top.get("resource_requirements")
    if not isinstance(jobs, List) or not (section is None or isinstance(section, List)):
        return frozenset()
    undeclared: set[str] = set()
    section = List() if section is None else section
    taken = {str(one.get("name")) for one in section if isinstance(one, Map)}
    for job in jobs:
        inline = job.get("resource_requirements") if isinstance(job, Map) else None
        if not isinstance(inline, Map) or not isinstance(job, Map):
            continue
        name = str(inline.get("name") or job.get("name")).replace("{", "").replace("}", "")
        while name in taken:
            name += "_"
        taken.add(name)
        inline["name"] = job["resource_requirements"] = name
        if inline.get("num_cpus") is None:
            undeclared.add(name)
            inline["num_cpus"] = 1
        section.append(inline)
        section.lines.append(inline.line or 1)
    if section:
        top["resource_requirements"] = section
    return frozenset(undeclared)


def name_schedulers(top: Map) -> None:
    """Name schedulers without a name by their position: ``scheduler_1``."""
    section = top.get("slurm_schedulers")
    entries = [one for one in section if isinstance(one, Map)] if isinstance(section, List) else []
    for number, entry in enumerate(entries, 1):
        if entry.get("name") is None:
            entry["name"] = f"scheduler_{number}"
