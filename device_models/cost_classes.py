"""Structural parameters of cost laws, by unit class, as read from ``catalog/cost_classes.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from device_models.figure import Figure, Quantity
from device_models.spec import Spec, spread_provenance

Parameter = Annotated[Figure, Quantity("ratio")]


class CostClass(Spec):
    """One class of units: ``form`` names the law, ``values`` and ``tables`` its parameters (SI; cycles where so named)."""

    form: str
    title: str
    values: dict[str, Parameter] = Field(default_factory=dict)
    tables: dict[str, dict[str, Parameter]] = Field(default_factory=dict)

    @field_validator("values", mode="before")
    @classmethod
    def _values_with_source(cls, raw: Any) -> Any:
        return spread_provenance(raw)

    @field_validator("tables", mode="before")
    @classmethod
    def _tables_with_source(cls, raw: Any) -> Any:
        return {name: spread_provenance(table) for name, table in raw.items()} if isinstance(raw, dict) else raw

    def table(self, name: str) -> dict[str, Figure]:
        """A table of the class, empty if it has none."""
        return self.tables.get(name, {})

    def replaced(self, structure: Mapping[str, Mapping[str, Figure]]) -> CostClass:
        """The class with a unit's own structural parameters in place of its: ``values``, or rows of a table by its name."""
        if not structure:
            return self
        values = {**self.values, **structure.get("values", {})}
        changed = {name: {**self.table(name), **rows} for name, rows in structure.items() if name != "values"}
        return self.model_copy(update={"values": values, "tables": {**self.tables, **changed}})


def read_cost_classes(raw: dict[str, Any]) -> dict[str, CostClass]:
    """Classes by name from the parsed file: ``forms`` hold what all classes of a form share, ``classes`` override it."""
    forms = raw["forms"]
    classes = {}
    for name, own in raw["classes"].items():
        shared = forms.get(own["form"], {})
        # spread first: a class may cite another source than its form does
        values = {**spread_provenance(shared.get("values", {})), **spread_provenance(own.get("values", {}))}
        names = {*shared.get("tables", {}), *own.get("tables", {})}
        tables = {
            key: {**spread_provenance(shared.get("tables", {}).get(key, {})), **spread_provenance(own.get("tables", {}).get(key, {}))} for key in sorted(names)
        }
        classes[name] = CostClass.model_validate({"form": own["form"], "title": own["title"], "values": values, "tables": tables})
    return classes
