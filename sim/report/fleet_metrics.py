"""Every number of a fleet's run, with its unit in its name, as :mod:`sim.report.metrics` has them for one device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.fleet.task_log import NO_EXIT, TaskStatus
from sim.report.device_metrics import RunawayMetrics
from sim.report.request_metrics import LatencyMetrics, latency_metrics

if TYPE_CHECKING:
    from sim.fleet.result import FleetResult


@dataclass(frozen=True)
class WayMetrics:
    """Tasks that took one way, and their mean seconds by cause: on the device with waiting, sending, at the server with waiting, receiving.

    ``left_early_ratio``: share of them that left at an early exit on the device; None for a way without exits.
    """

    tasks_count: int
    share_ratio: float
    left_early_ratio: float | None
    mean_s: float
    near_s: float
    up_s: float
    far_s: float
    down_s: float


@dataclass(frozen=True)
class TaskMetrics:
    """A kind of task. ``unanswered_count``: still under way when the run ended.

    ``miss_ratio``: answered late, refused, or without an answer when the run ended after its deadline; None without a deadline.
    """

    latency: LatencyMetrics | None
    answered_count: int
    fell_back_count: int
    refused_count: int
    unanswered_count: int
    throughput_hz: float
    miss_ratio: float | None
    ways: dict[str, WayMetrics]


@dataclass(frozen=True)
class GroupMetrics:
    """A group of devices: means over its devices. ``radio_j``: by state, of the whole group.

    ``peak_c``: the hottest part of the hottest device, known of those simulated in full. ``hops_count``: connections to each server.
    ``hand_overs_count``: of all its devices.
    """

    devices_count: int
    power_w: float
    compute_j: float
    idle_j: float
    radio_j: dict[str, float]
    utilisation_ratio: float
    battery_life_s: float | None
    peak_c: float | None
    hops_count: dict[str, int]
    hand_overs_count: int


@dataclass(frozen=True)
class ServerMetrics:
    """A server. ``utilisation_ratio``: of the replica-seconds that were paid for."""

    served_count: int
    refused_count: int
    batch_mean_count: float | None
    wait_mean_s: float | None
    utilisation_ratio: float
    replicas_most_count: int
    failures_count: int
    power_w: float
    moved_bytes: float
    cost_currency: float
    hourly_cost_currency_per_h: float


@dataclass(frozen=True)
class LinkMetrics:
    """A direction of a link."""

    carried_bytes: float
    busy_ratio: float
    rate_bytes_per_s: float


@dataclass(frozen=True)
class FleetRunawayMetrics(RunawayMetrics):
    """Heat that ended the run, on a device of this group."""

    group: str


@dataclass(frozen=True)
class FleetMetrics:
    """All metrics of one run. ``runaway``: None where it came to its end."""

    simulated_s: float
    finished_count: int
    in_flight_count: int
    throughput_hz: float
    energy_per_task_j: float | None
    device_power_w: float
    hourly_cost_currency_per_h: float
    tasks: dict[str, TaskMetrics]
    groups: dict[str, GroupMetrics]
    servers: dict[str, ServerMetrics]
    links: dict[str, LinkMetrics]
    runaway: FleetRunawayMetrics | None


def measure_fleet(result: FleetResult) -> FleetMetrics:
    """Metrics of a run. Tasks that came before the warm-up's end do not count; energy and costs are of the whole run."""
    columns, warmup_s = result.world.log.columns(), float(result.fleet.warmup_s)
    columns = {name: column[columns["arrival_s"] >= warmup_s] for name, column in columns.items()} if warmup_s else columns
    tasks = {kind.name: _task(result, index, columns, warmup_s) for index, kind in enumerate(result.kinds)}
    groups = {group.name: _group(result, group.name) for group in result.groups}
    servers = {name: _server(result, name) for name in result.world.servers}
    devices = sum(group.devices_count for group in groups.values())
    energy_j = sum(group.power_w * group.devices_count for group in groups.values()) * result.end_s
    finished = len(result.world.log)
    return FleetMetrics(
        simulated_s=result.end_s,
        finished_count=finished,
        in_flight_count=result.world.in_flight,
        throughput_hz=sum(task.throughput_hz for task in tasks.values()),
        energy_per_task_j=energy_j / finished if finished else None,
        device_power_w=sum(group.power_w * group.devices_count for group in groups.values()) / devices,
        hourly_cost_currency_per_h=sum(server.hourly_cost_currency_per_h for server in servers.values()),
        tasks=tasks,
        groups=groups,
        servers=servers,
        links=_links(result),
        runaway=_runaway(result),
    )


def _runaway(result: FleetResult) -> FleetRunawayMetrics | None:
    for group, devices in result.world.devices.items():
        for device in devices:
            if found := device.runaway():
                return FleetRunawayMetrics(found["node"], result.end_s, found["temperature_c"], found["gain"], group)
    return None


def _task(result: FleetResult, index: int, columns: dict[str, np.ndarray], warmup_s: float) -> TaskMetrics:
    kind = result.kinds[index]
    rows = {name: column[columns["kind"] == index] for name, column in columns.items()}
    answered = rows["status"] != TaskStatus.REFUSED
    latencies_s = rows["end_s"] - rows["arrival_s"]
    late, still = int(((~answered) | (latencies_s > kind.deadline_s)).sum()), _late_under_way(result, index, warmup_s)
    counted = len(latencies_s) + still
    span_s = result.end_s - warmup_s
    return TaskMetrics(
        latency=latency_metrics(latencies_s[answered]),
        answered_count=int(answered.sum()),
        fell_back_count=int((rows["status"] == TaskStatus.FELL_BACK).sum()),
        refused_count=int((~answered).sum()),
        unanswered_count=sum(task.kind.index == index and task.arrival_s >= warmup_s for task in result.world.under_way),
        throughput_hz=float(answered.sum()) / span_s if span_s > 0 else 0.0,
        miss_ratio=(late + still) / counted if kind.deadline_s < np.inf and counted else None,
        ways={way.name: _way(rows, position, bool(way.exits)) for position, way in enumerate(kind.ways) if (rows["way"] == position).any()},
    )


def _late_under_way(result: FleetResult, index: int, warmup_s: float) -> int:
    """Tasks without an answer at the end of the run, whose deadline has passed."""
    waiting = (task for task in result.world.under_way if task.kind.index == index and task.arrival_s >= warmup_s)
    return sum(task.arrival_s + task.kind.deadline_s < result.end_s for task in waiting)


def _way(rows: dict[str, np.ndarray], position: int, has_exits: bool) -> WayMetrics:
    taken = rows["way"] == position
    left = float((rows["exit"][taken] != NO_EXIT).mean()) if has_exits else None
    means = {name: float(rows[name][taken].mean()) for name in ("near_s", "up_s", "far_s", "down_s")}
    return WayMetrics(int(taken.sum()), float(taken.mean()), left, float((rows["end_s"] - rows["arrival_s"])[taken].mean()), **means)


def _group(result: FleetResult, name: str) -> GroupMetrics:
    devices, end_s = result.world.devices[name], result.end_s
    group = devices[0].group
    radio_j: dict[str, float] = {}
    for device in devices:
        if device.radio is not None:
            device.radio.close(end_s)
            for state, joules in device.radio.joules.items():
                radio_j[state] = radio_j.get(state, 0.0) + joules
    compute_j, number = sum(device.computing_j(end_s) for device in devices), len(devices)
    power_w = group.idle_w + (compute_j + sum(radio_j.values())) / (number * end_s)
    return GroupMetrics(
        devices_count=number,
        power_w=power_w,
        compute_j=compute_j,
        idle_j=group.idle_w * number * end_s,
        radio_j=radio_j,
        utilisation_ratio=min(sum(device.computed_s(end_s) for device in devices) / (number * end_s), 1.0),
        battery_life_s=None if group.battery_j is None else group.battery_j / power_w,
        peak_c=max((peak for device in devices if (peak := device.peak_c()) is not None), default=None),
        hops_count={server: path.hops for server, path in group.paths.items()},
        hand_overs_count=sum(device.access.moved for device in devices),
    )


def _server(result: FleetResult, name: str) -> ServerMetrics:
    server, end_s = result.world.servers[name], result.end_s
    replica_s = server.replica_s(end_s)
    cost = server.plan.price_per_hour * replica_s / 3600 + server.plan.price_per_gb * server.moved_bytes / 1e9
    return ServerMetrics(
        served_count=server.served,
        refused_count=server.refused,
        batch_mean_count=server.served / server.batches if server.batches else None,
        wait_mean_s=server.wait_s / server.served if server.served else None,
        utilisation_ratio=server.busy_s / replica_s if replica_s else 0.0,
        replicas_most_count=server.most,
        failures_count=server.failures,
        power_w=server.energy_j(end_s) / end_s,
        moved_bytes=server.moved_bytes,
        cost_currency=cost,
        hourly_cost_currency_per_h=cost / end_s * 3600,
    )


def _links(result: FleetResult) -> dict[str, LinkMetrics]:
    end_s, network = result.end_s, result.world.network
    carried = [network.carried_bytes(index) for index in range(len(network.links))]
    busy = [network.busy_s(index) / end_s for index in range(len(network.links))]
    return {link.name: LinkMetrics(moved, share, moved / end_s) for link, moved, share in zip(network.links, carried, busy, strict=True)}
