"""Which GPUs are inherited, and which a job is shown: tables."""

from __future__ import annotations

import pytest

from torc_tui.model import Allocation, Gpu, GpuGrant
from torc_tui.resources.binding import environment, hints, unset, with_hints
from torc_tui.resources.gpus import DEFAULT_RULES
from torc_tui.resources.stand_ins import stand_ins
from torc_tui.resources.visible import Device, Instance, visible

PLAIN = [Device(0, "GPU-aa11"), Device(1, "GPU-aa22"), Device(2, "GPU-bb33"), Device(3, "GPU-cc44")]
MIG = [
    Device(0, "GPU-aa11"),
    Device(1, "GPU-bb22", True, (Instance("MIG-x1", 1, 0), Instance("MIG-x2", 2, 0))),
    Device(2, "GPU-cc33", True),
]
A, B, C, D = (device.uuid for device in PLAIN)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        (" ", []),
        ("0", [A]),
        ("2,0", [C, A]),
        (" 1 , 3 ", [B, D]),
        ("0,-1,1", [A]),
        ("0,9,1", [A]),
        ("NoDevFiles", []),
        ("none", []),
        ("0,,1", [A]),
        ("1,1,2", []),
        ("1,GPU-aa22", []),
        ("1x,+2,03", [B, C, D]),
        ("x1", []),
        ("0x1", [A]),
        ("99999999999999999999", []),
        ("GPU-bb33", [C]),
        ("GPU-b", [C]),
        ("gpu-b", []),
        ("GPU-BB", [C]),
        ("GPU-aa", []),
        ("GPU-cc44,GPU-zz,0", [D]),
        ("3,GPU-aa22", [D, B]),
        ("MIG-x1", []),
        ("٣", []),
    ],
)
def test_cuda_visible_devices(value: str, expected: list[str]) -> None:
    assert visible(PLAIN, {"CUDA_VISIBLE_DEVICES": value}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ["GPU-aa11", "MIG-x1", "MIG-x2"]),
        ("1", ["MIG-x1", "MIG-x2"]),
        ("GPU-bb22", ["MIG-x1", "MIG-x2"]),
        ("MIG-x2", ["MIG-x2"]),
        ("MIG-x", []),
        ("MIG-GPU-bb22/2/0", ["MIG-x2"]),
        ("MIG-GPU-bb22/9/0", []),
        ("2,0", []),
    ],
)
def test_mig(value: str | None, expected: list[str]) -> None:
    assert visible(MIG, {} if value is None else {"CUDA_VISIBLE_DEVICES": value}) == expected


@pytest.mark.parametrize(
    ("environ", "hidden", "expected"),
    [
        ({}, False, [A, B, C, D]),
        ({"SLURM_JOB_GPUS": "1"}, False, [A, B, C, D]),
        ({"SLURM_JOB_ID": "7"}, False, [A, B, C, D]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "1,3"}, False, [B, D]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "1-3"}, False, [B, C, D]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0,1", "SLURM_STEP_GPUS": "1"}, False, [B]),
        ({"SLURM_JOB_ID": "7", "GPU_DEVICE_ORDINAL": "2"}, False, [C]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "gpu:2"}, False, [A, B, C, D]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "4,5"}, True, [A, B, C, D]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "4,5,6,7"}, False, [A, B, C, D]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "1,3", "CUDA_VISIBLE_DEVICES": "0"}, False, [A]),
    ],
)
def test_slurm(environ: dict[str, str], hidden: bool, expected: list[str]) -> None:
    assert visible(PLAIN, environ, hidden=hidden) == expected


@pytest.mark.parametrize(
    ("uuids", "by_index", "expected"),
    [
        ([], False, ""),
        ([], True, ""),
        (["GPU-aa"], False, "GPU-aa"),
        (["GPU-aa", "GPU-bb"], False, "GPU-aa,GPU-bb"),
        (["GPU-aa", "GPU-bb"], True, "2,5"),
        (["MIG-1"], True, "MIG-1"),
        (["GPU-aa", "MIG-1"], True, "GPU-aa,MIG-1"),
        (["virtual-0", "virtual-1"], False, "0,1"),
        (["virtual-7"], False, "7"),
        (["GPU-gone"], True, "GPU-gone"),
    ],
)
def test_binding(uuids: list[str], by_index: bool, expected: str) -> None:
    gpus = [
        Gpu(uuid="GPU-aa", index=2),
        Gpu(uuid="GPU-bb", index=5),
        Gpu(uuid="MIG-1", index=6, parent="GPU-cc"),
        Gpu(uuid="virtual-0", index=0, virtual=True),
        Gpu(uuid="virtual-1", index=1, virtual=True),
    ]
    allocation = Allocation(1, 0, tuple(GpuGrant(uuid) for uuid in uuids))
    virtual = uuids and uuids[0].startswith("virtual")
    assert environment(allocation, gpus, by_index=by_index) == {
        "CUDA_VISIBLE_DEVICES": expected,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "ROCR_VISIBLE_DEVICES": "",
        "HIP_VISIBLE_DEVICES": "",
        "NVIDIA_VISIBLE_DEVICES": expected if uuids and not virtual else "void",
        "TORC_GPU_VISIBLE_DEVICES": expected,
        "TORC_GPU_UUIDS": ",".join(uuids),
        "TORC_GPU_SHARE": "1" if uuids else "0",
        "TORC_GPU_MEMORY_MB": "0",
    }


@pytest.mark.parametrize(
    ("uuid", "visible", "absent"),
    [
        ("rocr-1", {"ROCR_VISIBLE_DEVICES": "1"}, ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")),
        ("oneapi-1", {"ONEAPI_DEVICE_SELECTOR": "level_zero:1", "CUDA_VISIBLE_DEVICES": ""}, ()),
        (
            "ze-3",
            {"ZE_AFFINITY_MASK": "3", "CUDA_VISIBLE_DEVICES": ""},
            ("ONEAPI_DEVICE_SELECTOR",),
        ),
        (
            "slurm-1",
            {
                "CUDA_VISIBLE_DEVICES": "1",
                "NVIDIA_VISIBLE_DEVICES": "1",
                "ROCR_VISIBLE_DEVICES": "1",
                "HIP_VISIBLE_DEVICES": "0",
                "ZE_AFFINITY_MASK": "1",
            },
            ("ONEAPI_DEVICE_SELECTOR",),
        ),
    ],
)
def test_gpus_of_other_makers(uuid: str, visible: dict[str, str], absent: tuple[str, ...]) -> None:
    allocation = Allocation(1, 0, (GpuGrant(uuid),))
    found = environment(allocation, [])
    assert visible.items() <= found.items()
    assert unset(allocation) == absent
    assert not found.keys() & set(absent)


IN_SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "1,3"}
ALL_MAKERS = {
    **IN_SLURM,
    "CUDA_VISIBLE_DEVICES": "1,3",
    "ROCR_VISIBLE_DEVICES": "1,3",
    "ZE_AFFINITY_MASK": "1,3",
    "GPU_DEVICE_ORDINAL": "1,3",
}
"""What Slurm sets if its settings do not say who has made the GPUs."""


@pytest.mark.parametrize("uuid", ["ze-0", "oneapi-0", "slurm-0"])
def test_a_job_without_gpus_sees_none_of_intel(uuid: str) -> None:
    gpus = [Gpu(uuid=uuid, index=0)]
    found = environment(Allocation(1, 0), gpus)
    assert (found["ONEAPI_DEVICE_SELECTOR"], found["CUDA_VISIBLE_DEVICES"]) == ("*:cpu", "")
    assert "ONEAPI_DEVICE_SELECTOR" not in environment(Allocation(1, 0), [])


@pytest.mark.parametrize(
    ("environ", "uuids"),
    [
        ({"ROCR_VISIBLE_DEVICES": "2,3"}, ["rocr-2", "rocr-3"]),
        ({"HIP_VISIBLE_DEVICES": "1"}, ["rocr-1"]),
        ({"ROCR_VISIBLE_DEVICES": "2,3", "HIP_VISIBLE_DEVICES": "1,5"}, ["rocr-3"]),
        ({"ONEAPI_DEVICE_SELECTOR": "level_zero:0,2"}, ["oneapi-0", "oneapi-2"]),
        ({"ONEAPI_DEVICE_SELECTOR": "opencl:gpu"}, []),
        ({"ZE_AFFINITY_MASK": "1-3"}, ["ze-1", "ze-2", "ze-3"]),
        ({"ZE_AFFINITY_MASK": "4,5", "ONEAPI_DEVICE_SELECTOR": "level_zero:1"}, ["ze-5"]),
        (ALL_MAKERS, ["slurm-1", "slurm-3"]),
        ({**ALL_MAKERS, "SLURM_STEP_GPUS": "3", "CUDA_VISIBLE_DEVICES": "3"}, ["slurm-3"]),
        ({**ALL_MAKERS, "CUDA_VISIBLE_DEVICES": "0,1"}, ["slurm-0", "slurm-1"]),
        ({**ALL_MAKERS, "CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ["slurm-1", "slurm-3"]),
        ({**ALL_MAKERS, "CUDA_VISIBLE_DEVICES": ""}, []),
        ({**IN_SLURM, "ROCR_VISIBLE_DEVICES": "1,3"}, ["rocr-1", "rocr-3"]),
        ({**IN_SLURM, "ZE_AFFINITY_MASK": "1,3"}, ["ze-1", "ze-3"]),
        (IN_SLURM, ["slurm-1", "slurm-3"]),
        ({}, []),
    ],
)
def test_gpus_that_the_environment_names(environ: dict[str, str], uuids: list[str]) -> None:
    assert [gpu.uuid for gpu in stand_ins(environ, False, None, None)] == uuids
    assert stand_ins(environ, True, None, None) == ()


@pytest.mark.parametrize(
    ("grant", "share", "memory"),
    [
        (GpuGrant("GPU-a"), "1", "81920"),
        # a quarter of the memory less the idle use of others, without the headroom
        (GpuGrant("GPU-a", 250), "0.25", "19840"),
        (GpuGrant("GPU-a", 0, 3 << 30), "0", "3072"),
        (GpuGrant("GPU-a", 0, 81 << 30), "0", "81920"),
        (GpuGrant("GPU-gone"), "1", "0"),
    ],
)
def test_variables_of_a_job(grant: GpuGrant, share: str, memory: str) -> None:
    gpus = [Gpu(uuid="GPU-a", index=0, memory=80 << 30)]
    found = environment(Allocation(1, 0, (grant,)), gpus)
    assert (found["TORC_GPU_UUIDS"], found["TORC_GPU_SHARE"]) == (grant.uuid, share)
    assert found["TORC_GPU_MEMORY_MB"] == memory


@pytest.mark.parametrize(
    ("grant", "fraction", "limit"),
    [
        (GpuGrant("GPU-a", 500), "0.490", "0=40192M"),
        (GpuGrant("GPU-a", 0, 20 << 30), "0.250", "0=20480M"),
        (GpuGrant("GPU-a"), None, None),
        (GpuGrant("GPU-a", 1000, 20 << 30), None, None),
        (GpuGrant("virtual-0", 500), None, None),
        (GpuGrant("GPU-gone", 500), None, None),
    ],
)
def test_hints(grant: GpuGrant, fraction: str | None, limit: str | None) -> None:
    gpus = [
        Gpu(uuid="GPU-a", index=0, memory=80 << 30),
        Gpu(uuid="virtual-0", index=0, virtual=True),
    ]
    found = hints(Allocation(1, 0, (grant,)), gpus, DEFAULT_RULES)
    assert found.get("XLA_PYTHON_CLIENT_MEM_FRACTION") == fraction
    assert found.get("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT") == limit


@pytest.mark.parametrize("name", ["XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION"])
def test_values_of_the_user_replace_hints(name: str) -> None:
    found = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.250"}
    assert with_hints({name: ".5"}, found) == {name: ".5"}
    assert with_hints({"PATH": "p"}, found) == {"PATH": "p"} | found
