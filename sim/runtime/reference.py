"""The reference unit: one event per operator and no prefix sums. Slow and plain, to judge the lazy unit by."""

from __future__ import annotations

from typing import Any

from sim.runtime.clock import ENDS
from sim.runtime.execution import TIE_S, Execution
from sim.runtime.unit import ComputeUnit


class SteppedUnit(ComputeUnit):
    """Runs kernel after kernel. The kernel in progress is ``int(piece_row)``, from the fraction at which its piece began."""

    def replan(self, running: Execution) -> None:
        """Every border asks whether to yield; only one at which it stands right now has been passed already."""
        now = self.clock._now
        if running.yield_s <= now + TIE_S and running.piece_row == int(running.piece_row) and now - running.piece_s <= TIE_S:
            if running.alarm is not None:
                running.alarm.cancel()
            running.alarm = self.clock.at(now, ENDS, self._yield_here)

    def _yield_here(self, _: Any) -> None:
        execution = self.running
        assert execution is not None
        self.stopped(execution, int(execution.piece_row))

    def row_now(self, execution: Execution) -> float:
        row = int(execution.piece_row)
        seconds = self._seconds(execution, row)
        done = (self.clock._now - execution.piece_s) / seconds if seconds > 0 else 0.0
        return min(execution.piece_row + done, float(row + 1))

    def _seconds(self, execution: Execution, row: int) -> float:
        assert execution.timing is not None
        return (execution.timing.ends_s[row + 1] - execution.timing.ends_s[row]) * execution.scale if row < execution.segment.rows else 0.0

    def arm(self, execution: Execution) -> None:
        if execution.alarm is not None:
            execution.alarm.cancel()
        row = int(execution.piece_row)
        left_s = self._seconds(execution, row) * (row + 1 - execution.piece_row)
        execution.alarm = self.clock.at(execution.piece_s + left_s, ENDS, self._stopped)

    def _stopped(self, _: Any) -> None:
        execution = self.running
        assert execution is not None
        now, row = self.clock._now, int(execution.piece_row) + 1
        self.close_piece(execution, now, float(row))
        execution.alarm = None
        if row >= execution.segment.rows or now >= execution.yield_s - TIE_S:
            self.stopped(execution, row)
            return
        execution.piece_s, execution.piece_row = now, float(row)
        self.arm(execution)
