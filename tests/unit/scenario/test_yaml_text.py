"""A text changed in few places: it says what was wanted, and what was not to change stands as it stood."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario.yaml_source import parse_yaml
from sim.scenario.yaml_text import flow_text, rewritten

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
TEXT = """\
# What it is for.
name: small   # a name
models:
  # the first network
  net:
    source: mobilenet_v2      # of the zoo
    placement: {prefer: [npu, cpu]}  # where it runs
  other: {source: ds_cnn, precision: int8}
  # the last one
  third:
    source: squeezenet1_1
    compress:
      - {prune: {sparsity: 50 %}}   # before
workloads:
  w:
    pipeline: [{model: net}, {model: other}]

# nothing comes behind this
budgets: {latency_p99: 33 ms}
"""


def wanted(change: Any, text: str = TEXT) -> dict[str, Any]:
    data = copy.deepcopy(parse_yaml(text).data)
    change(data)
    return data


def lines_gone(before: str, after: str) -> list[str]:
    kept = after.splitlines()
    return [line for line in before.splitlines() if line not in kept]


@pytest.mark.parametrize(
    ("change", "gone", "new"),
    [
        (lambda data: None, [], []),
        (lambda data: data["models"]["net"].update(precision="int8"), [], ["    precision: int8"]),
        (lambda data: data["models"]["other"].update(precision="float16", threads=2), ["  other: {source: ds_cnn, precision: int8}"],
         ["  other: {source: ds_cnn, precision: float16, threads: 2}"]),
        (lambda data: data["models"]["net"].update(source="my net.onnx"), ["    source: mobilenet_v2      # of the zoo"],
         ["    source: my net.onnx      # of the zoo"]),
        (lambda data: data["models"]["net"].update(placement={"policy": "heft"}), ["    placement: {prefer: [npu, cpu]}  # where it runs"],
         ["    placement: {policy: heft}  # where it runs"]),
        (lambda data: data["models"]["third"]["compress"].append({"quantize": {"to": "int8"}}), [], ["      - {quantize: {to: int8}}"]),
        (lambda data: data["models"]["third"].update(compress=[]), ["      - {prune: {sparsity: 50 %}}   # before"], ["      []   # before"]),
        (lambda data: data.update(seed=3), [], ["seed: 3"]),
        (lambda data: data.update(name="true"), ["name: small   # a name"], ['name: "true"   # a name']),
    ],
)  # fmt: skip
def test_only_what_has_to_change_changes(change: Any, gone: list[str], new: list[str]) -> None:
    after = rewritten(TEXT, wanted(change))
    assert parse_yaml(after).data == wanted(change)
    assert lines_gone(TEXT, after) == gone
    assert lines_gone(after, TEXT) == new


def test_a_new_key_stands_below_the_last_one_of_its_block_not_below_the_comment_behind() -> None:
    after = rewritten(TEXT, wanted(lambda data: data["models"]["net"].update(threads=2)))
    assert "# where it runs\n    threads: 2\n  other:" in after
    after = rewritten(TEXT, wanted(lambda data: data["workloads"]["w"].update(priority=1)))
    assert "{model: other}]\n    priority: 1\n\n# nothing" in after


ALIASED = "a: {x: &same {file: one.npz}}  # here\nb: {x: *same}\nc: 3\n"


def test_what_an_alias_stands_for_changes_with_it() -> None:
    both = {"a": {"x": {"file": "two.npz"}}, "b": {"x": {"file": "two.npz"}}, "c": 3}
    assert rewritten(ALIASED, both) == ALIASED.replace("one.npz", "two.npz")


def test_an_alias_that_must_differ_is_written_anew() -> None:
    for changed in ("a", "b"):
        data = {"a": {"x": {"file": "one.npz"}}, "b": {"x": {"file": "one.npz"}}, "c": 3}
        data[changed] = {"x": {"file": "other.npz"}}
        after = rewritten("# head\n" + ALIASED, data)
        assert parse_yaml(after).data == data and after.startswith("# head\n")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a:\nb: 1\n", {"a": 5, "b": 1}),
        ("a: 1", {"a": 1, "b": 2}),
        ("a: 1  # no end of line", {"a": 1, "b": {"c": 3}}),
        ("a: |\n  several\n  lines\n", {"a": "several\nlines\n", "b": 2}),
        ("a: >-\n  folded\n  text\nb: 1\n", {"a": "folded text", "b": 2}),
        ("a: >-\n  folded\n  text\nb: 1\n", {"a": "another", "b": 2}),
        ("a:\n- 1\n- 2\n", {"a": [1, 2, 3]}),
        ("a:\n  - 1\n  - x: 1\n    y: 2\n", {"a": [1, {"x": 1, "y": 3, "z": {"w": [4]}}]}),
        ("{a: 1, b: [1, 2]}\n", {"a": 1, "b": [1, 2, 3], "c": None}),
        ("{a: 1,}\n", {"a": 1, "b": 2}),
        ("a: {}\nb: []\n", {"a": {"c": 1}, "b": [{"d": 1}]}),
        ("a: 'it''s'\nb: \"x\\ty\"\n", {"a": "it's not", "b": "x\ty"}),
        ("a: 1\r\nb:\r\n  c: 2\r\n", {"a": 1, "b": {"c": 2, "d": 3}}),
        ("a: 1\nb: 2\n", {"b": 2}),
        ("a: 1\nb: 2\n", {"b": 2, "a": 1}),
        ("a: 1\n", {"a": True}),
        ("a: 1\n", {"a": 1.0}),
        ("key with blanks: 1\n", {"key with blanks": 1, "50 %": "33 ms", "no": "on", "x": ["1e3", "~", "#no", " b", "a: b", "é", ""]}),
    ],
)
def test_any_text_says_what_is_wanted(text: str, data: dict[str, Any]) -> None:
    after = rewritten(text, data)
    document = parse_yaml(after)
    assert document.data == data and list(document.data) == list(data) and not document.problems
    assert [type(value) for value in document.data.values()] == [type(value) for value in data.values()]


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-999, 999), st.floats(0.1, 9.5),
              st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8),
              st.sampled_from(["33 ms", "true", "1e5", "null", "- x", "a: b", "{", "#", "x #y", "'", "\\"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "models", "33 ms", "on"]), inner, max_size=3)),
    max_leaves=8,
)  # fmt: skip


@given(plain)
def test_a_value_on_a_line_reads_as_it_was(value: Any) -> None:
    assert parse_yaml(f"x: {flow_text(value)}").data == {"x": value}


@given(st.sampled_from(sorted(SCENARIOS.glob("*.yaml"))), st.data())
def test_any_change_of_a_shipped_scenario(path: Path, data: st.DataObject) -> None:
    text = path.read_text(encoding="utf-8")
    root: Any = parse_yaml(text).data
    changed = copy.deepcopy(root)
    inside, key = changed, data.draw(st.sampled_from(list(changed)))
    while isinstance(inside[key], dict | list) and inside[key] and data.draw(st.booleans()):
        inside = inside[key]
        key = data.draw(st.sampled_from(list(inside) if isinstance(inside, dict) else list(range(len(inside)))))
    value = data.draw(plain)
    if isinstance(inside[key], dict) and data.draw(st.booleans()):
        inside[key]["added"] = value
    elif isinstance(inside[key], list) and data.draw(st.booleans()):
        inside[key].append(value)
    else:
        inside[key] = value
    assert parse_yaml(rewritten(text, changed)).data == changed
