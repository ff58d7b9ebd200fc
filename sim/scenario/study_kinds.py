"""Which keys tell a study of many devices from a scenario of one, and the modules that know each kind."""

from __future__ import annotations

# key -> the module whose ``KIND`` is its StudyKind, imported when a file has the key
STUDIES: dict[str, str] = {"federated": "sim.scenario.federated", "fleet": "sim.scenario.fleet", "rollout": "sim.scenario.rollout"}
