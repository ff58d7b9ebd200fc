"""YAML text becomes plain data by the YAML 1.2 core schema, with the place of every value and key."""

from __future__ import annotations

import os

import pytest

from sim.errors import EdgesimError
from sim.scenario import yaml_source
from sim.scenario.positions import Place
from sim.scenario.yaml_source import parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("1e9", 1e9),
        ("1E-3", 1e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.25", -0.25),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("+7", 7),
        ("2026-01-01", "2026-01-01"),
        ("30 GB/s", "30 GB/s"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("=", "="),
        ("|\n  two\n  lines", "two\nlines"),
        ("[1, a, {b: c}]", [1, "a", {"b": "c"}]),
        ("{}", {}),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text, value):
    data = parse_yaml(f"key: {text}").data["key"]
    assert data == value
    assert type(data) is type(value)


def test_keys_are_their_text():
    assert parse_yaml("on: 1\n8080: 2\nnull: 3\n1e3: 4").data == {"on": 1, "8080": 2, "null": 3, "1e3": 4}


def test_every_value_and_key_has_its_place():
    places = parse_yaml("a:\n  - 1\n  - {b: 2}\n", "f").places
    assert places.values == {
        (): Place("f", 1, 1),
        ("a",): Place("f", 2, 3),
        ("a", 0): Place("f", 2, 5),
        ("a", 1): Place("f", 3, 5),
        ("a", 1, "b"): Place("f", 3, 9),
    }
    assert places.keys == {("a",): Place("f", 1, 1), ("a", 1, "b"): Place("f", 3, 6)}


def test_an_alias_stands_for_the_value_and_leads_to_its_place():
    document = parse_yaml("a: &x {rate: 3}\nb: *x\n", "f")
    assert document.data == {"a": {"rate": 3}, "b": {"rate": 3}}
    assert document.places.value(("b", "rate")) == document.places.value(("a", "rate")) == Place("f", 1, 14)
    document.data["b"]["rate"] = 4
    assert document.data["a"]["rate"] == 3, "an override of one must not change the other"


def test_lesser_mistakes_are_collected_and_reading_goes_on():
    document = parse_yaml("a: 1\na: 2\nb: !x 3\nc: .nan\n<<: {}\n[1]: 2\nd: 4\n", "f")
    assert document.data == {"a": 1, "b": 3, "c": None, "d": 4}
    said = sorted(str(problem) for problem in document.problems)
    assert [line.split(": ")[0] for line in said] == ["f:2:1", "f:3:4", "f:4:4", "f:5:1", "f:6:1"]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [ls]", "!!str x", "! x", "!custom {a: 1}", "!!set {a, b}", "!!binary aGk="])
def test_tags_are_refused_on_every_kind_of_value(tag):
    [problem] = parse_yaml(f"key: {tag}").problems
    assert (problem.line, problem.column, problem.path) == (1, 6, "key")
    assert "is not allowed" in problem.what


def test_quoted_merge_key_is_an_ordinary_key():
    assert parse_yaml("'<<': 1").data == {"<<": 1}


def refused(text: str | bytes) -> str:
    with pytest.raises(EdgesimError) as caught:
        parse_yaml(text, "f")
    [problem] = caught.value.problems
    return str(problem)


def test_alias_bomb_ends_in_one_error():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "aliases expand to more than" in refused("\n".join(lines))


def test_alias_bomb_of_characters():
    assert "characters" in refused("a: &a '" + "x" * 9000 + "'\nb: [" + ", ".join(["*a"] * 1000) + "]")


@pytest.mark.parametrize("text", ["a: " + "[\n" * 200, "a: " + "{b:\n" * 200, "".join(" " * n + "a:\n" for n in range(200)), "- " * 20_000])
def test_deep_nesting_is_refused(text):
    assert f"nested deeper than {yaml_source.MAX_DEPTH} levels" in refused(text)


def test_aliases_cannot_nest_deeper_than_text():
    chain = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
    assert "levels" in refused(chain)


def test_too_many_values_and_too_much_text():
    assert f"more than {yaml_source.MAX_NODES:,} values" in refused("[" + "1," * (yaml_source.MAX_NODES + 1) + "]")
    assert "longer than" in refused("#" * (yaml_source.MAX_BYTES + 1))
    assert "longer than" in str(parse_yaml("a: " + "x" * (yaml_source.MAX_TEXT + 1)).problems[0])


@pytest.mark.parametrize("number", ["9" * 30, "1" * 5000, "0x" + "f" * 20, "1e999", "-1e999"])
def test_numbers_too_large_are_reported(number):
    assert "number too large" in str(parse_yaml(f"a: {number}").problems[0])


@pytest.mark.parametrize("escape", [r'"\0"', r'"\ud800"', r'"\uFFFE"'])
def test_control_characters_cannot_come_in_by_escapes(escape):
    assert "is not allowed" in str(parse_yaml(f"a: {escape}").problems[0])


def test_bytes_that_are_not_utf_8():
    assert refused(b"a: 1\nb: caf\xe9\n") == "f:2:7: byte 0xe9 is not UTF-8 text"
    assert "is not UTF-8" in refused("a: 1".encode("utf-16"))
    assert parse_yaml(b"\xef\xbb\xbfa: 1").data == {"a": 1}


def test_files_that_cannot_be_read(tmp_path):
    def said(path):
        with pytest.raises(EdgesimError) as caught:
            read_yaml(path, "f")
        return str(caught.value)

    assert said(tmp_path / "none.yaml") == "f: no such file"
    assert said(tmp_path) == "f: is a folder; expected a YAML file"
    os.mkfifo(tmp_path / "pipe")
    assert said(tmp_path / "pipe") == "f: is not a regular file"
    (tmp_path / "large.yaml").write_bytes(b"#" * (yaml_source.MAX_BYTES + 1))
    assert "longer than" in said(tmp_path / "large.yaml")
    assert "f: cannot be read" in said(tmp_path / "nul\0.yaml") or "no such file" in said(tmp_path / "nul\0.yaml")
