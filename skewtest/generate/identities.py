"""Who is who: which key each entity of a lane has in each key column, plain or easily confused.

A lane has up to three entities. In plain lanes each column tells them apart by itself, or, where
the entity is several columns, only both together do (slots of `keys.TEMPLATES`, rendered):

    entity        user_id          user_id  shop_id
    0             a                a        a
    1             b                a        b         the same user in another shop
    2             c                b        a         another user in the same shop

Of three columns or more each lane draws the two by which its entities differ, so that an
implementation that leaves any one of them out meets strangers that share all the others.

In an odd lane, entities 0 and 1 are two that a careless implementation takes for one:

    entity        user_id          user_id  shop_id        user_id  shop_id
    0             a                a        a              a        a_a
    1             A                A        a              a_a      a
                  cased alike      cased alike             joined by "_" alike: a_a_a
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.kinds import Column, Key
from skewtest.declare.view import FeatureView
from skewtest.generate.keys import BASES, JOINED, JOINED_ODDS, collisions, render_all
from skewtest.generate.lanes import ENTITIES, Lanes

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

APART = (0, 1, 2)
"""The slots of entities 0, 1 and 2 in a column that tells them apart by itself."""
COLLIDING_SHARES = (0.1, 0.3)
"""Of lanes with one entity, and of those with several, for each key column: five ways to collide
share them, and it is two entities that are confused. Without them device_ids_become_floats,
device_ids_cut_to_32_bits, leading_zeros_stripped_in_the_warehouse and users_folded_to_lower_case
are lost."""
JOINED_SHARES = (0.1, 0.35)
"""Of such lanes, where there are two columns to join. Without them
key_columns_joined_by_underscore is lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The keys of all entities of all lanes, by column: lanes * ENTITIES each."""

    columns: Mapping[str, pl.Series]

    def of(self, name: str, lane: IntArray, entity: IntArray) -> pl.Series:
        """Return the keys of rows, by their lane and entity."""
        return self.columns[name][lane * ENTITIES + entity]


def draw_keys(view: FeatureView, lanes: Lanes) -> Keys:
    """Return the keys that lanes have in the key columns of a view."""
    kinds = _find_key_columns(view)
    slots = draw_slots(view.entity, kinds, lanes)
    bases = np.repeat(lanes.numbers % BASES, ENTITIES)
    columns = {
        name: render_all(kind, bases, slots[name].ravel(), name) for name, kind in kinds.items()
    }
    return Keys(columns)


def draw_slots(
    entity: Sequence[str], columns: Mapping[str, Key], lanes: Lanes
) -> Mapping[str, IntArray]:
    """Return, for each key column, the slot of each (lane, entity): int64[lanes, ENTITIES].

    Args:
        entity: the columns that a view computes features for.
        columns: all key columns of the view, by name.
        lanes: whose entities.
    """
    entity = [name for name in entity if name in columns]
    slots = _draw_plain(columns, entity, lanes)
    for name, column in columns.items():
        _collide(slots, name, column, entity, lanes)
    joined = [name for name in entity if _is_text_with_variants(columns[name])]
    if len(joined) > 1:
        _collide_joined(slots, joined, lanes)
    return slots


def _find_key_columns(view: FeatureView) -> dict[str, Key]:
    columns: dict[str, Column] = {}
    for source in view.sources.values():
        columns |= source.columns
    columns |= view.request
    return {name: kind for name, kind in columns.items() if isinstance(kind, Key)}


def _draw_plain(columns: Mapping[str, Key], entity: list[str], lanes: Lanes) -> dict[str, IntArray]:
    """Return the slots of lanes whose entities nobody confuses."""
    slots = {}
    for name in columns:
        slots[name] = np.tile(np.array(APART, dtype=np.int64), (len(lanes), 1))
    if len(entity) > 1:
        _share_all_columns_but_one(slots, entity, lanes)
    return slots


def _share_all_columns_but_one(slots: dict[str, IntArray], entity: list[str], lanes: Lanes) -> None:
    """Let entities 1 and 2 of each lane differ from entity 0 in one column each."""
    # Two columns leave no choice: the second, then the first.
    pairs = [(second, first) for first, second in combinations(range(len(entity)), 2)]
    differing_columns = lanes.dice.choose("columns that differ", pairs)
    for number, name in enumerate(entity):
        slots[name][:, 0] = 0
        slots[name][:, 1:] = differing_columns == number


def _collide(
    slots: dict[str, IntArray], name: str, column: Key, entity: list[str], lanes: Lanes
) -> None:
    """Give entities 0 and 1 of some lanes keys of one column that are easily confused."""
    pairs = collisions(column)
    if not pairs:
        return
    odd = _choose_lanes(f"{name} collides", COLLIDING_SHARES, lanes)
    slots[name][odd, :2] = lanes.dice.take(odd).choose(f"pair of {name}", pairs)
    if name not in entity:
        return
    # Two entities are confused only if nothing else tells them apart.
    for column_beside in entity:
        if column_beside != name:
            slots[column_beside][odd, 1] = slots[column_beside][odd, 0]


def _collide_joined(slots: dict[str, IntArray], joined: list[str], lanes: Lanes) -> None:
    """Give entities 0 and 1 of some lanes keys that are alike once two columns are joined."""
    odd = _choose_lanes("joined alike", JOINED_SHARES, lanes)
    chosen = lanes.dice.take(odd)
    separated = np.array(JOINED)[chosen.weigh("separator", JOINED_ODDS)]
    plain = np.zeros_like(separated)
    slots[joined[0]][odd, :2] = np.stack([plain, separated], axis=1)
    slots[joined[1]][odd, :2] = np.stack([separated, plain], axis=1)


def _choose_lanes(name: str, shares: tuple[float, float], lanes: Lanes) -> Mask:
    """Return which lanes get keys that are confused: more of those with several entities."""
    return lanes.dice.chance(name, np.array(shares)[lanes.is_crowded.astype(np.int64)])


def _is_text_with_variants(column: Key) -> bool:
    return column.type == "string" and column.variants
