"""``torc resources``: what this machine has, what is free of it, and who holds what.

What comes in: the system, the cards, the store. What goes out: a few lines and two tables, or JSON.
Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.operations.host import Host, HostReader
from torc_tui.resources.gpus import Card
from torc_tui.store import queries
from torc_tui.units import show_bytes, show_duration

Record = dict[str, Any]


def resources(call: Call) -> None:
    """What this machine has, the cards with what is free on each, and which jobs hold what."""
    from torc_tui.resources.detect import detect_machine

    usable = detect_machine()
    reader = HostReader()
    host = reader.read(None if call.missing_store is not None else call.store)
    reader.close()
    mine = {gpu.uuid for gpu in usable.gpus}
    held = host.held
    record: Record = {
        "hostname": usable.hostname,
        "num_cpus": usable.num_cpus,
        "cpus_held": held.num_cpus,
        "memory_bytes": usable.memory,
        "memory_gb": round(usable.memory / (1 << 30), 3),
        "memory_held_bytes": held.memory,
        "memory_used_bytes": host.memory_used,
        "num_gpus": len(usable.gpus),
        "gpus": [_card(host, card, mine) for card in host.cards()],
        "held": [_holding(host, one) for one in host.holdings],
        "notices": list(host.notices),
    }
    if call.json:
        output.json_value(record)
        return
    free = f"{max(usable.num_cpus - held.num_cpus, 0)} free"
    output.fields(
        [
            ("Host", usable.hostname),
            ("CPUs", f"{usable.num_cpus}, {held.num_cpus} held by jobs, {free}"),
            (
                "Memory",
                f"{show_bytes(usable.memory)}, {show_bytes(held.memory)} held by jobs, "
                f"{show_bytes(host.memory_used)} in use",
            ),
            ("GPUs", len(usable.gpus)),
        ]
    )
    for text in host.notices:
        output.line(f"Note: {text}")
    cards = record["gpus"]
    hidden = any(not card["usable"] for card in cards)
    output.table(
        (*CARDS, ("Usable", "usable"), ("UUID", "uuid")) if hidden else (*CARDS, ("UUID", "uuid")),
        cards,
    )
    output.table(HELD, record["held"])


def _card(host: Host, card: Card, usable: set[str]) -> Record:
    gpu = card.gpu
    assert gpu is not None  # cards() gives those that a reading shows
    return {
        "index": gpu.index,
        "uuid": gpu.uuid,
        "name": gpu.name,
        "parent": gpu.parent,
        "virtual": gpu.virtual,
        "usable": gpu.virtual or gpu.uuid in usable,
        "memory_bytes": gpu.memory,
        "memory_free_bytes": gpu.memory_free,
        "memory_own_bytes": card.own_used,
        "memory_foreign_bytes": card.foreign_memory,
        "memory_reserved_bytes": card.reserved,
        "memory_available_bytes": None if card.limitless else card.memory_available,
        "share_held": card.share / 1000,
        "utilization": gpu.utilization,
        "temperature": gpu.temperature,
        "power": gpu.power,
        "compute_mode": gpu.compute_mode,
        "processes": [
            {
                "pid": process.pid,
                "name": process.name,
                "memory_bytes": process.memory,
                "own": process.own,
                "graphics": process.graphics,
            }
            for process in gpu.processes
        ],
        "holders": [
            {"workflow_id": one.workflow_id, "job_id": one.job_id, "job_name": one.job_name}
            for one in host.holders(gpu.uuid)
        ],
    }


def _holding(host: Host, one: Any) -> Record:
    index = {gpu.uuid: gpu.index for gpu in host.machine.gpus}
    return {
        "workflow_id": one.workflow_id,
        "workflow_name": one.workflow_name,
        "job_id": one.job_id,
        "job_name": one.job_name,
        "attempt_id": one.attempt_id,
        "user": one.user,
        "status": one.status.word,
        "pid": one.pid,
        "seconds": None if one.started_at is None else round(host.at - one.started_at, 3),
        "num_cpus": one.allocation.num_cpus,
        "memory_bytes": one.allocation.memory,
        "gpus": grants(one.allocation.gpus, index),
    }


def grants(allocated: Any, index: Mapping[str, int]) -> list[Record]:
    """The devices of an attempt as records; ``index`` knows the numbers of the cards."""
    return [
        {"uuid": uuid, "index": index.get(uuid), "share": share / 1000, "memory_bytes": memory}
        for uuid, share, memory in (
            (g.uuid, g.share, g.memory) if hasattr(g, "uuid") else g for g in allocated
        )
    ]


def devices(gpus: list[Record]) -> str:
    """The devices of an attempt in a cell: ``0, 2``; ``1 (0.25)``; ``1 (40.0 GB)``."""
    words = []
    for gpu in gpus:
        parts = [f"{gpu['share']:g}"] if 0 < gpu["share"] < 1 else []
        parts += [show_bytes(gpu["memory_bytes"])] if gpu["memory_bytes"] else []
        name = str(gpu["uuid"] if gpu["index"] is None else gpu["index"])
        words.append(f"{name} ({', '.join(parts)})" if parts else name)
    return ", ".join(words)


def with_devices(call: Call, workflow_id: int, results: list[Record]) -> list[Record]:
    """Results, each with the devices that its attempt held."""
    index: dict[str, int] = {}
    if any(result["allocation"] and result["allocation"][2] for result in results):
        for node in queries.list_compute_nodes(call.store, workflow_id):
            index |= {gpu["uuid"]: gpu["index"] for gpu in node["gpus"]}
    return [
        {**result, "gpus": grants(result["allocation"][2] if result["allocation"] else [], index)}
        for result in results
    ]


def _bytes(key: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda record: None if record[key] is None else show_bytes(record[key])


def _rounded(key: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda record: None if record[key] is None else f"{record[key]:.0f}"


def _others(record: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{one['name'] or '?'} ({one['pid']})" for one in record["processes"] if not one["own"]
    )


CARDS: tuple[output.Column, ...] = (
    ("GPU", "index"),
    ("Name", "name"),
    ("Memory", _bytes("memory_bytes")),
    ("Own", _bytes("memory_own_bytes")),
    ("Others", _bytes("memory_foreign_bytes")),
    ("Reserved", _bytes("memory_reserved_bytes")),
    ("Free", _bytes("memory_free_bytes")),
    ("Use %", _rounded("utilization")),
    ("°C", _rounded("temperature")),
    ("W", _rounded("power")),
    ("Jobs", lambda record: ", ".join(one["job_name"] for one in record["holders"])),
    ("Other programs", _others),
)
HELD: tuple[output.Column, ...] = (
    ("WF ID", "workflow_id"),
    ("Job ID", "job_id"),
    ("Job Name", "job_name"),
    ("User", "user"),
    ("Status", "status"),
    (
        "Time",
        lambda record: None if record["seconds"] is None else show_duration(record["seconds"]),
    ),
    ("CPUs", "num_cpus"),
    ("Memory", _bytes("memory_bytes")),
    ("GPUs", lambda record: devices(record["gpus"])),
)
