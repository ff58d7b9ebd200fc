"""A fleet that offloads: tasks per CPU second. Run it by hand: ``python tests/benchmarks/offloading.py``.

Every task takes the whole way: a segment on the device, uplink, queue, server, downlink; each device decides for each task.
"""

from __future__ import annotations

import argparse
import gc
import time

import numpy as np

from device_models.radio import RadioSpec
from sim.fleet.network import Link, Network
from sim.fleet.offloading import Offloading
from sim.fleet.server import ServedWork, Server, ServerPlan
from sim.fleet.tasks import Group, Near, Path, TaskKind, Way
from sim.runtime.clock import Clock
from sim.scenario.model import Poisson

RATE_HZ = 2.0  # of each device
SERVED_S = 0.01
UP_BYTES, DOWN_BYTES = 20_000.0, 1_000.0


def fleet(devices: int, policy: str, radio: str, batch: int) -> Offloading:
    """Links and servers seven tenths full."""
    total_hz = RATE_HZ * devices
    network = Network(clock := Clock(), [Link("up", total_hz * UP_BYTES / 0.7), Link("down", total_hz * UP_BYTES / 0.7)])
    replicas = max(round(total_hz * SERVED_S / 0.7), 1)
    plan = ServerPlan("edge", replicas=replicas, max_batch=batch, max_delay_s=0.002 if batch > 1 else 0.0)
    server = Server(clock, plan, np.random.default_rng(1))
    work = ServedWork(tuple(SERVED_S * (1 + 0.4 * size) / 1.4 for size in range(1, batch + 1)), tuple(0.1 for _ in range(batch)))
    spec = None if radio == "none" else RadioSpec.model_validate({"base": radio, "up_bandwidth": "20 Mbit/s", "down_bandwidth": "20 Mbit/s"})
    limits = {} if spec is None else {"up_bytes_per_s": float(spec.up_bytes_per_s), "down_bytes_per_s": float(spec.down_bytes_per_s)}
    group = Group("phones", devices, 0.5, spec, paths={"edge": Path((0,), (1,), 0.002)}, **limits)
    ways = (Way("", "", Near(0.5, 0.5)), Way("edge", "middle", Near(0.005, 0.02), UP_BYTES, DOWN_BYTES, work))
    kind = TaskKind("detect", "phones", ways, Poisson.model_validate({"rate": f"{RATE_HZ} Hz"}), policy, {}, 0.2)
    return Offloading(clock, network, {"edge": server}, [group], [kind], seed=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=40.0, help="simulated")
    parser.add_argument("--policy", default="best_cut")
    args = parser.parse_args()
    for radio, batch in (("none", 1), ("none", 8), ("wifi_huang2012", 1)):
        world = fleet(args.devices, args.policy, radio, batch)
        world.start(args.seconds)
        gc.disable()
        begin = time.process_time()
        world.clock.run_until(args.seconds)
        cpu_s = time.process_time() - begin
        gc.enable()
        offloaded = int((world.log.columns()["way"] > 0).sum())
        print(f"{args.devices} devices, radio {radio}, batches of {batch}: {offloaded} tasks offloaded in {cpu_s:.2f} s of CPU, {offloaded / cpu_s:.0f} /s")


if __name__ == "__main__":
    main()
