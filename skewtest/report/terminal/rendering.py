"""Rich blocks as text, and the tables that all blocks are made of."""

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Literal

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 80
GAP = 2
"""Blanks between two columns."""


def render(blocks: Sequence[RenderableType], *, colour: bool = False, width: int = WIDTH) -> str:
    """Return rich blocks as text.

    Args:
        blocks: what is shown, one below the other.
        colour: whether to write ANSI colours.
        width: columns of the terminal.
    """
    buffer = StringIO()
    color_system: Literal["standard"] | None = "standard" if colour else None
    console = Console(
        file=buffer,
        width=width,
        force_terminal=colour,
        color_system=color_system,
        # Texts are a user's: brackets in them are no markup, and ":x:" is no emoji.
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for block in blocks:
        # Sentences and commands are for the terminal to wrap: what is copied stays whole.
        console.print(block, soft_wrap=isinstance(block, Text))
    # Rich fills the lines of a table up with blanks.
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def indent(block: RenderableType) -> Padding:
    """Return a block two blanks to the right, where all that belongs to a title stands."""
    return Padding(block, (0, 0, 0, 2))


def make_table(headings: Iterable[str], *, gap: int = 3) -> Table:
    """Return a table without lines, whose cells fold."""
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def make_facts() -> Table:
    """Return an empty list of names and what stands for each."""
    facts = Table.grid(padding=(0, GAP, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    return facts
