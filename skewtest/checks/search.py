"""The search over one view: packs of histories are tried under each scenario until it is over."""

import math
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from skewtest.checks.laws import Laws
from skewtest.checks.under_scenario import (
    MORE,
    ScenarioRun,
    Stopwatch,
)
from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.deliver.scenarios import spread
from skewtest.drive.guard import remember_interrupt
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import Hints
from skewtest.generate.history import Pack
from skewtest.results.values import Reach
from skewtest.run.budget import Budget
from skewtest.run.cost import Cost, count_rows_by_lane, seconds_spent
from skewtest.run.experiment import answers_of_lanes, run_trial
from skewtest.run.isolation import batch_answers, take_lanes
from skewtest.run.progress import Progress
from skewtest.sides.answers import Answers

if TYPE_CHECKING:
    from skewtest import checks

# A history that would cost so many times what a pack may cost is left out, and told: one long
# history of slow code would eat the budget of all others.
TOO_DEAR = 3
# Seconds that slow code is run on after its first finding, to tell distinct failures apart.
SECONDS_FOR_MORE = 5.0


@dataclass(slots=True, eq=False)
class Room:
    """Histories that are generated together, whatever packs they are tried in.

    Attributes:
        first: the number of the first.
        pack: all of them, in order.
        sizes: how many events and requests each has.
        faulty: by scenario, those that it concerns, with its faults.
    """

    first: int
    pack: Pack
    sizes: list[int]
    faulty: dict[str, Pack] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The number after the last."""
        return self.first + len(self.sizes)


@dataclass(slots=True)
class Search:
    """The state of one search over all scenarios.

    Attributes:
        histories: how many numbers of histories are done with.
        left_out: how many of them were too dear to run.
        stops_by: seconds of the run after which nothing new is looked for; None: no such end.
    """

    view: FeatureView
    budget: Budget
    progress: Progress
    blocks: Blocks
    hints: Hints
    runs: list[ScenarioRun]
    laws: Laws | None = None
    third: "checks.third.ThirdOpinion | None" = None
    cost: Cost = field(default_factory=lambda: Cost(None))
    histories: int = 0
    left_out: int = 0
    batch_seconds: float = 0.0
    stops_by: float | None = None
    room: Room | None = None
    check_interrupt: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Try packs until the budget is spent or enough is found."""
        with remember_interrupt() as self.check_interrupt:
            while self.histories < self._stops_at() and not self._is_spent():
                self.try_next()
        for run in self.runs:
            run.reach = self._reach(run)

    def try_next(self) -> None:
        """Try the next pack under each scenario."""
        active = [run for run in self.runs if not run.is_over]
        if self.room is None or self.histories >= self.room.end:
            self.room = self._generate(active)
        room = self.room
        lanes, count = self._choose_lanes(room)
        if lanes:
            self._try_lanes(room, lanes, active, is_last=self._is_last(count))
        # Those that were too dear count as well: numbers of histories are done with in order.
        for run in active:
            run.tried += count
        self.histories += count
        if self.histories == room.end:
            self._count_incidents(room, active)
        self.progress.advance(self.histories, self.budget.histories)
        self.check_interrupt()

    def _generate(self, active: Sequence[ScenarioRun]) -> "Room":
        """Generate the next histories, as many as are cheapest together."""
        watch = active[0].watch if active else Stopwatch()
        began = time.perf_counter()
        first = self.histories
        count = min(self.blocks.room(first), self.budget.histories - first)
        pack = self.blocks.pack(first, count)
        watch.generate += time.perf_counter() - began
        return Room(first, pack, count_rows_by_lane(pack))

    def _count_incidents(self, room: "Room", active: Sequence[ScenarioRun]) -> None:
        """Count what a room held once it is done with: no first finding waits for that."""
        for run in active:
            if run.scenario.name == IN_ORDER:
                began = time.perf_counter()
                incidents = self.blocks.incidents(room.first, len(room.sizes))
                run.incidents.update(incidents)  # += would drop those never met
                run.watch.generate += time.perf_counter() - began

    def _choose_lanes(self, room: "Room") -> tuple[list[int], int]:
        """Return the lanes of the next pack, and how many numbers of histories they take.

        What a history holds, its faults included, hangs on its number alone, so slow code gets the
        same histories in smaller packs. The first one stands alone: no table of one entity would
        be met otherwise, and it tells what the code costs.
        """
        start = self.histories - room.first
        sizes = room.sizes[start:]
        if self.histories == 0:
            return [0], 1
        allowed, largest = self.cost.allow_rows(), self.cost.largest_history(TOO_DEAR)
        chosen: list[int] = []
        rows = 0
        for number, size in enumerate(sizes):
            if size > largest:
                self.left_out += 1
                continue
            if chosen and rows + size > allowed:
                return chosen, number
            chosen.append(start + number)
            rows += size
        return chosen, len(sizes)

    def _try_lanes(
        self, room: "Room", lanes: list[int], active: Sequence[ScenarioRun], *, is_last: bool
    ) -> None:
        pack = take_lanes(room.pack, lanes)
        began = seconds_spent()
        batch = batch_answers(self.view, pack)
        self.batch_seconds = seconds_spent() - began
        # The call serves all scenarios: its time is told once, with the first of them.
        if active:
            active[0].watch.batch += batch.seconds
        for run in active:
            self._try_under(run, room, pack, lanes, batch)
        if self.laws is not None and not self._differs_in_order():
            self.laws.try_pack(pack, batch, room.first, lanes=len(lanes), is_last=is_last)

    def _is_last(self, count: int) -> bool:
        return self._stops_at() <= self.histories + count or self._is_spent()

    def _try_under(
        self, run: ScenarioRun, room: "Room", pack: Pack, lanes: list[int], batch: Answers
    ) -> None:
        began, looks = seconds_spent(), run.looks
        if run.scenario.name == IN_ORDER:
            trial = run.try_pack(pack, batch, room.first)
            run.histories += len(lanes)
        else:
            concerned = take_lanes(self._spread(run, room), lanes)
            count, answers = answers_of_lanes(pack, concerned, batch)
            trial = run.try_pack(concerned, answers, room.first)
            run.histories += count
            run.incidents[run.scenario.name] += count
        if trial is not None and run is self.runs[0]:
            online = seconds_spent() - began
            # What diverges is run again and again, which says nothing of what a pack costs.
            if run.looks > looks:
                online = trial.right.seconds
            self._note_cost(pack, online, run)
        if trial is not None and self.third is not None and run.scenario.name == IN_ORDER:
            self.third.try_pack(pack, batch, trial, room.first)

    def _spread(self, run: ScenarioRun, room: "Room") -> Pack:
        """Return the histories of a room that a scenario concerns, with its faults.

        They are drawn for the whole room, so that they do not hang on how it is cut.
        """
        name = run.scenario.name
        if name not in room.faulty:
            rng = np.random.default_rng(
                [self.budget.seed % 2**64, room.first, zlib.crc32(name.encode())]
            )
            room.faulty[name] = spread(self.view, room.pack, run.scenario, self.hints, rng)
        return room.faulty[name]

    def _note_cost(self, pack: Pack, online: float, run: ScenarioRun) -> None:
        self.cost.note(pack, self.batch_seconds, online)
        if self.cost.packs == 1 and not self.cost.is_quick:
            self._measure_again(pack)
        if run.has_news and self.stops_by is None:
            spent = self.cost.seconds
            # Quick code gets its further histories whatever the clock says: the same seed then
            # tells the same failures apart on every machine.
            seconds_for_more = MORE * spent / max(1, self.histories)
            self.stops_by = math.inf
            if seconds_for_more > SECONDS_FOR_MORE:
                self.stops_by = spent + SECONDS_FOR_MORE

    def _measure_again(self, pack: Pack) -> None:
        """Run the first history once more: what the first call of all costs may not come again."""
        self.cost.forget()
        began = seconds_spent()
        batch = batch_answers(self.view, pack)
        middle = seconds_spent()
        run_trial(self.view, pack, batch)
        self.cost.note(pack, middle - began, seconds_spent() - middle)

    def _differs_in_order(self) -> bool:
        """Return whether the sides differ anyway: then a broken law is no news."""
        return any(run.has_news for run in self.runs if run.scenario.name == IN_ORDER)

    def _stops_at(self) -> int:
        """Return after how many histories enough is known."""
        limits = [run.stop_at for run in self.runs]
        if self.laws is not None and not self._differs_in_order():
            limits.append(self.laws.stop_at)
        return max(limits)

    def _is_spent(self) -> bool:
        """Return whether no seconds are left; the first history is run whatever it costs."""
        if self.histories == 0:
            return False
        is_late = self.stops_by is not None and self.cost.seconds > self.stops_by
        return is_late or self.cost.left <= 0

    def _reach(self, run: ScenarioRun) -> Reach | None:
        """Return what was not reached, and what the code costs that was the reason."""
        if run.is_over and not self.left_out:
            return None
        return Reach(
            seconds=self.cost.seconds,
            budget=self.cost.budget,
            histories=run.tried - self.left_out,
            planned=run.planned,
            left_out=self.left_out,
            batch_us=self.cost.batch_us,
            online_us=self.cost.online_us,
        )
