"""A user's own stage (pre-, post-processing) as a program of one kernel."""

from __future__ import annotations

from device_models.compute import kernel_costs
from device_models.spec import DeviceSpec
from device_models.work import KernelWork, Kind, Work
from sim.compiler.notes import program_notes
from sim.compiler.program import Kernels, MemoryPlan, Program, Segment
from sim.compiler.support import units_of_kind
from sim.errors import EdgesimError
from sim.graph.ir import Graph
from sim.registry import near_names
from sim.scenario.stages import CodeWork


def compile_code(work: CodeWork, unit: str, device: DeviceSpec, name: str) -> Program:
    """One kernel of ``work`` on ``unit`` (a unit's name, or a kind: the strongest of it) of ``device``. It runs on one core of a CPU.

    Raises EdgesimError for a unit the device does not have.
    """
    place = unit if unit in device.units else next(iter(units_of_kind(device, unit)), None)
    if place is None:
        kinds = {spec.kind for spec in device.units.values()}
        raise EdgesimError(f"stage {name}: {device.name} has no unit {unit!r}; {near_names(unit, [*device.units, *kinds])}")
    moved = float(work.bytes) / 2  # half read, half written: laws use the sum
    row = KernelWork(Kind.CODE, macs=float(work.operations), in_bytes=moved, out_bytes=moved, in_elements=moved, out_elements=moved)
    rows = Work.stack([row])
    if device.units[place].kind == "neuromorphic":
        raise EdgesimError(f"stage {name}: unit {place!r} is event-driven and runs spiking networks only; name another unit of {device.name}")
    costs = kernel_costs(rows, device, place, threads=1)
    spec = device.units[place]
    segment = Segment(0, place, 0, 1, (), costs, 0.0, 0.0, "named by the stage", 1.0 if spec.kind == "cpu" else float(spec.cores))
    return Program(
        name=name,
        model="code",
        runtime="",
        precision="as_stored",
        segments=(segment,),
        kernels=Kernels((name,), ("Code",), rows),
        plan=MemoryPlan((), 0, 0),
        weights_bytes=0.0,
        state_bytes=0.0,
        storage_bytes=0.0,
        load_s=0.0,
        first_inference_s=0.0,
        macs=0.0,
        parameters=0,
        notes=program_notes(Graph(name), device, (segment,), rows),
    )
