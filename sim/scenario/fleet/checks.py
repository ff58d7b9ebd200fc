"""What the types of a fleet cannot say: names that must exist, ways from devices to servers, rates above nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.scenario.arrival_trace import read_arrival_trace
from sim.scenario.device_file import resolve_device
from sim.scenario.files import is_model_file, missing_file
from sim.scenario.known import Finding, near, unknown_name
from sim.scenario.positions import Path
from sim.scenario.radio_choice import radio_problems
from sim.scenario.raw import Raw
from sim.scenario.study import StudyContext


def check_fleet(context: StudyContext) -> Iterable[Problem]:
    """Problems between the parts of a fleet, each at its place."""
    fleet = Raw(context.data).get("fleet")
    for kind in ("devices", "servers"):
        for _, entry in fleet.get(kind).items():
            choice = entry.get("device")
            yield from fleet_device(context, choice.path, choice.value)[1]
    for _, group in fleet.get("devices").items():
        yield from radio_problems(group.get("radio").value, context.places, group.get("radio").path)
    moving = (*_hand_overs(fleet), *_roaming(fleet))
    findings = (*_models(context, fleet), *_tasks(context, fleet), *_links(fleet), *_ways(fleet), *moving, *_full(fleet), *_autoscale(fleet), *_whole(fleet))
    yield from (context.places.problem(one.path, one.what, at_key=one.at_key) for one in findings)
    for _, task in fleet.get("tasks").items():
        yield from _arrival_file(context, task.get("arrival"))


def _arrival_file(context: StudyContext, arrival: Raw) -> Iterable[Problem]:
    """What is wrong with recorded arrivals, with the file's own lines."""
    file = arrival.get("file").text()
    if arrival.get("kind").text() != "trace" or file is None:
        return
    path = context.directory / file
    if problem := missing_file(path):
        yield context.places.problem((*arrival.path, "file"), problem)
        return
    try:
        read_arrival_trace(path, arrival.get("column").text() or "time_s")
    except EdgesimError as error:
        yield from error.problems


def fleet_device(context: StudyContext, path: Path, choice: object) -> tuple[DeviceSpec | None, list[Problem]]:
    """The device described at ``path``, or what is wrong with it."""
    return resolve_device(choice, context.places.part(path, ("device",)), context.directory, context.known)


def _models(context: StudyContext, fleet: Raw) -> Iterator[Finding]:
    for _, model in fleet.get("models").items():
        source, known = model.get("source"), context.known.models
        text = source.text()
        if text and known is not None and text not in known and not is_model_file(text):
            yield Finding(source.path, f"unknown model {text!r}; {near(text, known)}")


def _tasks(context: StudyContext, fleet: Raw) -> Iterator[Finding]:
    models, groups, servers = (fleet.get(name).keys() for name in ("models", "devices", "servers"))
    for _, task in fleet.get("tasks").items():
        yield from _known(task.get("on"), "group of devices", groups)
        for key in ("model", "remote_model"):
            yield from _known(task.get(key), "model", models)
        for server in task.get("servers").entries():
            yield from _known(server, "server", servers)
        yield from _policy(context, task.get("policy"))
        if task.get("arrival").get("kind").text() == "closed":
            yield Finding(
                task.get("arrival").get("kind").path, "tasks of a fleet come periodically, by chance (poisson) or as recorded (trace), not in a closed loop"
            )


def _policy(context: StudyContext, policy: Raw) -> Iterator[Finding]:
    named = policy if policy.text() is not None else policy.get("name")
    yield from unknown_name(named, "offloading policy", context.known.offloading_policies)
    problem, name = context.known.tunable_problem, named.text()
    if problem is None or name is None or name not in (context.known.offloading_policies or ()):
        return
    for key, value in policy.get("tunables").items():
        if what := problem("offloading policy", name, key, value.value):
            yield Finding(value.path, what)


def _known(raw: Raw, what: str, names: list[str]) -> Iterator[Finding]:
    name = raw.text()
    if name is not None and name not in names:
        yield Finding(raw.path, f"unknown {what} {name!r}; {near(name, names)}")


def _links(fleet: Raw) -> Iterator[Finding]:
    for _, link in fleet.get("links").items():
        for key in ("up", "down"):
            if link.get(key).quantity("bandwidth") == 0:
                yield Finding(link.get(key).path, "nothing would ever pass; give a rate above 0, or outages for the times without")
        for outage in link.get("outages").entries():
            length_s, every_s = outage.get("length").quantity("time"), outage.get("every").quantity("time")
            if length_s is not None and every_s is not None and every_s <= length_s:
                yield Finding(outage.get("every").path, f"the outage lasts {length_s:g} s and comes again after {every_s:g} s: nothing would ever pass")


def _ways(fleet: Raw) -> Iterator[Finding]:
    """A task that may leave its device needs a way to a server."""
    neighbours = _neighbours(fleet)
    servers, groups = fleet.get("servers").keys(), set(fleet.get("devices").keys())
    for _, server in fleet.get("servers").items():
        name = str(server.path[-1])
        if name not in neighbours:
            yield Finding(server.path, f"no link leads to server {name!r}; give one under links: {{between: [..., {name}]}}", at_key=True)
    for _, task in fleet.get("tasks").items():
        group, wanted = task.get("on").text(), [entry.text() for entry in task.get("servers").entries()]
        if group is None or group not in groups:
            continue
        reached = _reached(neighbours, group, groups)
        for entry in task.get("servers").entries():
            if entry.text() in servers and entry.text() not in reached:
                yield Finding(entry.path, f"no way leads from {group!r} to server {entry.text()!r}; the links do not connect them")
        policy = task.get("policy")
        name = policy.text() or policy.get("name").text() or "local"
        if name != "local" and not wanted and not reached & set(servers):
            yield Finding(_at(task, "policy"), f"policy {name!r} offloads, but no link leads from {group!r} to a server")


def _neighbours(fleet: Raw) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for _, link in fleet.get("links").items():
        ends = [end.text() for end in link.get("between").entries()]
        if len(ends) == 2 and all(ends):
            first, second = str(ends[0]), str(ends[1])
            found.setdefault(first, set()).add(second)
            found.setdefault(second, set()).add(first)
    return found


def _hand_overs(fleet: Raw) -> Iterator[Finding]:
    """Each to a node next to the group, from which the servers are reached that the others reach."""
    neighbours, groups, servers = _neighbours(fleet), set(fleet.get("devices").keys()), set(fleet.get("servers").keys())
    for name, group in fleet.get("devices").items():
        reached: dict[str, set[str]] = {}
        for entry in group.get("hand_overs").entries():
            to, beside = entry.get("to"), neighbours.get(name, set())
            node = to.text()
            outage_s, every_s = entry.get("outage").quantity("time"), entry.get("every").quantity("time")
            if outage_s and every_s is not None and every_s <= outage_s:
                yield Finding(entry.get("every").path, f"the outage lasts {outage_s:g} s and comes again after {every_s:g} s: nothing would ever pass")
            if node is not None and node not in beside:
                yield Finding(to.path, f"no link leads from {name!r} to {node!r}; {near(node, sorted(beside))}")
            elif node is not None:
                found = {node} | _reached(neighbours, node, groups)
                reached[node] = found & servers
                if missing := set().union(*reached.values()) - reached[node]:
                    yield Finding(to.path, f"no way leads by {node!r} to server {', '.join(map(repr, sorted(missing)))}, which the group reaches otherwise")


def _roaming(fleet: Raw) -> Iterator[Finding]:
    """Nodes next to the group, from all of which the same servers are reached."""
    neighbours, groups, servers = _neighbours(fleet), set(fleet.get("devices").keys()), set(fleet.get("servers").keys())
    for name, group in fleet.get("devices").items():
        roaming = group.get("roaming")
        if roaming.value is None:
            continue
        if group.get("hand_overs").value:
            yield Finding(roaming.path, "either the group moves as one (hand_overs), or each device by itself (roaming); take out one of them", at_key=True)
        beside, nodes = neighbours.get(name, set()), roaming.get("nodes").entries()
        reached = {node.path: _reached(neighbours, str(node.text()), groups) & servers for node in nodes if node.text() in beside}
        anywhere = set().union(*reached.values())
        for node in nodes:
            if node.text() is not None and node.text() not in beside:
                yield Finding(node.path, f"no link leads from {name!r} to {node.text()!r}; {near(str(node.text()), sorted(beside))}")
            elif missing := anywhere - reached.get(node.path, anywhere):
                yield Finding(
                    node.path, f"no way leads by {node.text()!r} to server {', '.join(map(repr, sorted(missing)))}, which the group reaches otherwise"
                )


def _whole(fleet: Raw) -> Iterator[Finding]:
    """Names of nodes, which groups and servers share, and the times of the run."""
    groups = fleet.get("devices").keys()
    for name, server in fleet.get("servers").items():
        if name in groups:
            yield Finding(server.path, f"{name!r} is a group of devices already; links could not tell the two apart, take another name", at_key=True)
    duration_s, warmup_s = fleet.get("duration").quantity("time"), fleet.get("warmup").quantity("time")
    if duration_s and warmup_s is not None and warmup_s >= duration_s:
        yield Finding(fleet.get("warmup").path, f"{warmup_s:g} s is not before the end of the run ({duration_s:g} s), no task would count")


def _autoscale(fleet: Raw) -> Iterator[Finding]:
    for _, server in fleet.get("servers").items():
        scale = server.get("autoscale")
        most, replicas = scale.get("most").whole(), server.get("replicas").whole() or 1
        if most is not None and most < replicas:
            yield Finding(scale.get("most").path, f"{most} replicas at most, but {replicas} are always there (replicas)")


def _full(fleet: Raw) -> Iterator[Finding]:
    for name, group in fleet.get("devices").items():
        if group.get("full").value is not True:
            continue
        for _, task in fleet.get("tasks").items():
            if task.get("on").text() == name and task.get("spread").value is not None:
                yield Finding(task.get("spread").path, f"devices of {name!r} are simulated in full: their work does not scatter; take out spread or full")


def _at(task: Raw, key: str) -> Path:
    return task.get(key).path


def _reached(neighbours: dict[str, set[str]], start: str, groups: set[str]) -> set[str]:
    """Nodes that can be reached; other groups of devices do not forward."""
    found, pending = {start}, [start]
    while pending:
        for node in neighbours.get(pending.pop(), set()) - found:
            found.add(node)
            if node not in groups:
                pending.append(node)
    return found
