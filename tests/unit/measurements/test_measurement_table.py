"""edgesim's own table: header variants, units of time, comments, and every mistake with its line and column."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.measurements import Readings

Read = Callable[..., Readings]


def test_all_columns(read: Read) -> None:
    found = read("model,precision,threads,unit,runtime,ms\nmobilenet_v2,fp16,4,cpu,ncnn,12.5\n")
    assert not found.problems and not found.warnings
    (row,) = found.measurements
    assert (row.model, row.precision, row.threads, row.unit, row.runtime) == ("mobilenet_v2", "float16", 4, "cpu", "ncnn")
    assert row.seconds == pytest.approx(0.0125)
    assert (row.file, row.line, row.column) == ("rows.csv", 2, 30)


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("ms", 1e-3), ("latency_ms", 1e-3), ("Latency (ms)", 1e-3), ("median_ms", 1e-3), ("time_ms", 1e-3), ("inference time [ms]", 1e-3),
        ("us", 1e-6), ("latency_us", 1e-6), ("latency (µs)", 1e-6), ("Latency_usec", 1e-6), ("avg latency us", 1e-6),
        ("latency_s", 1.0), ("seconds", 1.0), ("mean_s", 1.0), ("latency_ns", 1e-9),
    ],
)  # fmt: skip
def test_the_unit_of_time_is_in_the_columns_name(read: Read, header: str, scale: float) -> None:
    found = read(f"model,{header}\nnet,250\n")
    assert not found.problems
    assert found.measurements[0].seconds == pytest.approx(250 * scale)


def test_cells_may_carry_their_unit(read: Read) -> None:
    found = read("model,latency\na,1.5 ms\nb,900 us\nc,0.5 s\n")
    assert [row.seconds for row in found.measurements] == pytest.approx([1.5e-3, 9e-4, 0.5])


def test_a_unit_in_the_cell_beats_that_of_the_column(read: Read) -> None:
    assert read("model,ms\na,900 us\n").measurements[0].seconds == pytest.approx(9e-4)


def test_a_time_without_any_unit_is_not_guessed(read: Read) -> None:
    found = read("model,latency\nnet,12\n")
    assert not found.measurements
    assert found.problems[0].line == 2 and found.problems[0].column == 5
    assert "latency_ms" in found.problems[0].what


@pytest.mark.parametrize(("header", "value"), [("min_ms,median_ms,avg_ms", "1,2,3"), ("avg_ms,median_ms,min_ms", "3,2,1"), ("p99_ms,ms,max_ms", "9,2,8")])
def test_of_several_times_the_typical_one_is_taken(read: Read, header: str, value: str) -> None:
    assert read(f"model,{header}\nnet,{value}\n").measurements[0].seconds == pytest.approx(2e-3)


def test_comments_blank_lines_repeated_headers_quotes_and_windows_line_ends(read: Read) -> None:
    text = '# by hand\r\n\r\nmodel,ms\r\n"a, the ""first""",1\r\n# second run\r\nmodel,ms\r\nb,2\r\n'
    found = read(text)
    assert not found.problems
    assert [(row.model, row.line) for row in found.measurements] == [('a, the "first"', 4), ("b", 7)]


def test_semicolons_with_decimal_commas_and_tabs(read: Read) -> None:
    assert read("model;ms\nnet;12,5\n").measurements[0].seconds == pytest.approx(12.5e-3)
    assert read("model\tms\nnet\t12.5\n").measurements[0].seconds == pytest.approx(12.5e-3)


def test_only_the_rows_that_are_asked_for(read: Read) -> None:
    text = "board,model,ms\npi,net,1\norin,net,2\n"
    assert [row.seconds for row in read(text, where=(("board", "orin"),)).measurements] == [2e-3]
    found = read(text, where=(("bord", "orin"),))
    assert "did you mean 'board'?" in found.problems[0].what


@pytest.mark.parametrize(
    ("cell", "what"),
    [("-5", "not a positive"), ("0", "not a positive"), ("nan", "not a finite"), ("inf", "not a finite"), ("1e999", "not a finite"), ("", "empty"),
     ("fast", "fast"), ("1e-9", "out of any range"), ("1e15", "out of any range"), ("12 parsecs", "parsecs"), ("12 MB", "MB")],
)  # fmt: skip
def test_what_is_no_time_is_said_at_its_cell(read: Read, cell: str, what: str) -> None:
    found = read(f"model,ms,threads\nnet,{cell},1\n")
    assert not found.measurements
    (problem,) = found.problems
    assert (problem.line, problem.column) == (2, 5) and what in problem.what


def test_all_mistakes_at_once(read: Read) -> None:
    found = read("model,threads,ms\n,1,5\nnet,two,5\nnet,0,5\nnet,1.5,5\nnet,1,-1\nnet\n")
    places = [(problem.line, problem.column) for problem in found.problems]
    assert places == [(2, 1), (3, 5), (4, 5), (5, 5), (6, 7), (7, 4)]


def test_a_table_of_another_version_says_which_column_is_missing(read: Read) -> None:
    found = read("network_nam,latency_millis\nnet,5\n")
    assert ["'network_nam' it?" in problem.what for problem in found.problems] == [True]
    found = read("model,layers,accuracy\nnet,5,0.7\n")
    assert "no column for the time" in found.problems[0].what and "'accuracy'" in found.problems[0].what
    assert found.problems[0].line == 1


def test_a_doubled_column(read: Read) -> None:
    found = read("model,ms,ms\nnet,5,6\n")
    assert "occurs twice" in found.problems[0].what


def test_a_header_alone_and_an_empty_file(read: Read) -> None:
    assert "holds no latency" in read("model,ms\n").problems[0].what
    assert "empty" in read("  \n").problems[0].what
