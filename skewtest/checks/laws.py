"""The search for broken relations, on some of the packs of the search for skew."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from skewtest.checks.relations import Relation, look_for, side_answers, violations
from skewtest.compare.tables import Divergence, Tally
from skewtest.declare.delivery import RELATIONS
from skewtest.declare.relation import RELATION_CAUSES
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.results.findings import Counterexample, Finding, Outcome, Seconds
from skewtest.run.budget import Budget
from skewtest.run.confirm import named
from skewtest.run.draft import Draft, draft_of, history_of_draft, pack_drafts
from skewtest.run.judge import Group, judge
from skewtest.run.minimise import minimise
from skewtest.sides.answers import Answers

FIRST = 3
EVERY = 24
"""Relations are tried on the first large pack, by when most skews have been found, and then on one
in so many. A short search tries them on its last pack."""
SUSPECTS = 3
MINIMISE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Breach:
    """A relation that is broken, and the history on which it is."""

    relation: Relation
    group: Group
    draft: Draft
    found_at: int


@dataclass(slots=True)
class Laws:
    """The relations of a view, and what has been found of their breaches."""

    view: FeatureView
    budget: Budget
    relations: Sequence[Relation]
    began: float = field(default_factory=time.perf_counter)
    began_cpu: float = field(default_factory=time.process_time)
    histories: int = 0
    seen: int = 0
    packs: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    breaches: dict[tuple[str, str, str], Breach] = field(default_factory=dict)

    @property
    def stop_at(self) -> int:
        """After how many histories enough is known."""
        return min(256, self.budget.histories)

    def try_pack(self, pack: Pack, batch: Answers, *, is_last: bool) -> None:
        """Hold both sides to the relations on a pack, if it is its turn."""
        number, self.packs = self.packs, self.packs + 1
        self.seen += pack.lanes
        is_due = number >= FIRST and (number - FIRST) % EVERY == 0
        if not is_due and not (is_last and not self.histories):
            return
        self.histories += pack.lanes
        pack = replace(pack, lags={})
        bases = {"batch": batch}
        if any(relation.side == "online" for relation in self.relations):
            bases["online"] = side_answers(self.view, pack, "online")
        for relation in self.relations:
            found = violations(self.view, pack, relation, bases[relation.side])
            self.tried[f"{relation.name} of {relation.side}"] += pack.lanes
            if found:
                self._look_into(relation, pack, found)

    def _look_into(
        self, relation: Relation, pack: Pack, found: Mapping[int, list[Divergence]]
    ) -> None:
        sizes = Counter(lane for f in pack.events.values() for lane in f[LANE].to_list())
        lanes = sorted(found, key=lambda lane: (sizes[lane], lane))
        for lane in lanes[:SUSPECTS]:
            fresh = {
                divergence.group
                for divergence in found[lane]
                if (relation.name, relation.side, divergence.feature) not in self.breaches
            }
            if not fresh:
                continue
            history = replace(pack.history(lane), lag=None)
            draft = draft_of(self.view, history)
            for group in judge(self.view, [draft], look=look_for(relation))[0]:
                if group in fresh:
                    breach = Breach(relation, group, draft, self.seen - pack.lanes + lane + 1)
                    key = relation.name, relation.side, group[0]
                    self.breaches.setdefault(key, breach)

    def outcome(self) -> Outcome:
        """Return what was found, minimised."""
        findings = tuple(_finding(self.view, breach) for breach in self.breaches.values())
        return Outcome(
            view=self.view,
            scenario=RELATIONS,
            seed=self.budget.seed,
            histories=self.histories,
            planned=self.budget.histories,
            findings=findings,
            untested=(),
            tallies=dict.fromkeys(self.view.features, Tally()),
            distances={},
            incidents=dict(self.tried),
            mutated=(),
            rejected=(),
            unkept=(),
            unconfirmed=0,
            seconds=Seconds(
                total=time.perf_counter() - self.began,
                cpu=time.process_time() - self.began_cpu,
            ),
        )


def _finding(view: FeatureView, breach: Breach) -> Finding:
    relation, group = breach.relation, breach.group
    look = look_for(relation)
    draft = minimise(view, breach.draft, group, MINIMISE_SECONDS, look=look)
    pack = pack_drafts(view, [draft])
    found = [d for divergences in look(view, pack).values() for d in divergences]
    shown = next((d for d in found if d.group == group), Divergence(-1, group[0], "value", 0, 0))
    return Finding(
        feature=named(view, group[0]),
        scenario=RELATIONS,
        kind=shown.kind,
        counterexample=Counterexample(view, history_of_draft(view, draft)),
        divergence=shown,
        values={d.feature: (d.left, d.right) for d in found if d.row == shown.row},
        cause=RELATION_CAUSES[relation.name],
        side=relation.side,
        found_at=breach.found_at,
        relation=relation.name,
        what=relation.what,
    )
