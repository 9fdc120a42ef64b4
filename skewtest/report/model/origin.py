"""Where a report comes from: the run, the machine, and the code of the views."""

import msgspec

from skewtest.results.values import Part, SideName


class Git(Part, frozen=True, kw_only=True):
    """The revision of the working tree; `dirty` where it has changes that are not committed.

    `folder` is the project's in the repository, with a slash at its end; "" where it is the whole.
    """

    revision: str
    dirty: bool
    branch: str = ""
    folder: str = ""


class Host(Part, frozen=True, kw_only=True):
    """The machine, without its name: reports are published."""

    system: str
    machine: str
    cpus: int
    python: str


class Run(Part, frozen=True, kw_only=True):
    """Where a report comes from.

    `time` is ISO 8601 in UTC, `seconds` wall clock; `seed` is null where views had several.
    `packages` are all that were installed, by name. A merged report names its `shards`.
    """

    time: str
    seconds: float
    profile: str
    seed: int | None
    command: str
    git: Git | None
    host: Host
    packages: dict[str, str]
    shards: list[str] = msgspec.field(default_factory=list)


class Implementation(Part, frozen=True, kw_only=True):
    """One side's code: its qualified name, its place, and the SHA-256 of its own source text."""

    side: SideName
    name: str
    file: str | None
    line: int | None
    digest: str


class Feature(Part, frozen=True, kw_only=True):
    """A feature as it is declared, and the line that declares it."""

    name: str
    tolerance: str
    line: int | None


class View(Part, frozen=True, kw_only=True):
    """A feature view: its declaration, its implementations, and the files that its code lies in.

    `files` are the SHA-256 of the implementations' files and of the project's files that they
    reach through imports. `uncovered` are the sides that are queries whose text lies in none of
    them. `declaration` is the SHA-256 of what is declared. Windows are in
    microseconds; `times` is the time column by source.
    """

    name: str
    file: str | None
    line: int | None
    entity: list[str]
    times: dict[str, str]
    windows: list[int]
    as_of: str
    scenarios: list[str]
    features: list[Feature]
    implementations: list[Implementation]
    files: dict[str, str]
    declaration: str
    uncovered: list[str] = msgspec.field(default_factory=list)
