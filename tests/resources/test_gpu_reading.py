"""How a reading of the GPUs is sent from the helper process."""

from __future__ import annotations

import pickle

from torc_tui.model import Gpu, GpuDamage, GpuProcess
from torc_tui.reasons import Kind, because
from torc_tui.resources.gpu_reading import Damaged, GpuReading, GpuUse, pack, unpack

PROCESSES = (
    GpuProcess(7, "python", 1 << 30, own=True, user="u", leader=7, since=5.5, idle=0.25),
    GpuProcess(8, graphics=True),
)


def test_reading_is_restored() -> None:
    reading = GpuReading(
        gpus=(Gpu(uuid="GPU-a", index=0, processes=PROCESSES), Gpu(uuid="GPU-b", index=1)),
        use={7: GpuUse(1 << 30, 12.5), 8: GpuUse(0, None)},
        notices=(because(Kind.GPU_DRIVER, problem="silent"),),
        distances={"GPU-a": {"GPU-b": 5}, "GPU-b": {"GPU-a": 5}},
        damaged=(Damaged("GPU-a", 0, GpuDamage(ecc=1)),),
    )
    found = unpack(pickle.loads(pickle.dumps(pack(reading))))
    assert found == reading
    assert found.gpus[0].processes[0].leader == 7
    assert found.use[7].plus(found.use[8]) == GpuUse(1 << 30, 12.5)


def test_no_gpus() -> None:
    assert unpack(pack(GpuReading(answers=False))) == GpuReading(answers=False)
