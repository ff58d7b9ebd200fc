"""Work: rows become columns and back."""

from __future__ import annotations

import numpy as np

from device_models.work import DTYPE_BITS, DType, KernelWork, Kind, Work

ROWS = [KernelWork(Kind.PW, macs=10.0, dtype=DType.I8), KernelWork(Kind.DW, macs=3.0, stride=2.0, on_longest_path=False), KernelWork(Kind.CODE, macs=7.0)]


def test_rows_become_columns_in_order() -> None:
    work = Work.stack(ROWS)
    assert len(work) == 3
    assert work.kind.tolist() == [Kind.PW, Kind.DW, Kind.CODE]
    assert work.macs.tolist() == [10.0, 3.0, 7.0]
    assert work.on_longest_path.tolist() == [True, False, True]
    assert work.dtype.dtype == np.int8 and work.on_longest_path.dtype == np.bool_


def test_taking_rows_keeps_all_columns_together() -> None:
    part = Work.stack(ROWS).take(np.array([2, 0]))
    assert (part.kind.tolist(), part.macs.tolist(), part.dtype.tolist()) == ([Kind.CODE, Kind.PW], [7.0, 10.0], [DType.F32, DType.I8])


def test_no_rows_are_empty_columns() -> None:
    assert len(Work.stack([])) == 0


def test_every_format_has_a_width() -> None:
    assert len(DTYPE_BITS) == len(DType)
    assert (DTYPE_BITS[DType.I4], DTYPE_BITS[DType.F16], DTYPE_BITS[DType.I64]) == (4, 16, 64)
