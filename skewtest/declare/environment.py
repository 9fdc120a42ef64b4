"""An environment: an interpreter and the versions of libraries that user code runs under."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from packaging.requirements import InvalidRequirement, Requirement

from skewtest.errors import DeclarationError, listed, nearest

# The name of the environment that skewtest itself runs in.
HERE = "here"
PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,3})?")

# The worker that runs user code there is written for Python 3.8 and later.
OLDEST = (3, 8)

# Test ids hold the name: `~` parts the two environments of a cell, `-` the parts of an id.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
Cpu = Literal["native", "baseline"]


@dataclass(frozen=True, slots=True, init=False)
class Environment:
    """An interpreter with libraries; declared, not built.

    Attributes:
        name: how reports and test ids call it; by default made of what it holds.
        python: "3.9" or "3.9.18"; None: as the one that skewtest runs on.
        requirements: what is installed, as pip has it; pins of what matters.
        extras: of the project, whose dependencies are installed.
        groups: dependency groups of the project, which are installed.
        prefer: pins that are kept wherever they can be; what is asked for goes first.
        lock: a requirements file that pins everything.
        interpreter: the path of a Python that exists, with what it has; nothing is built.
        path: folders to import user code from, before all others.
        variables: environment variables that its processes are given.
        cpu: "baseline" turns off the SIMD features that numpy would choose by the machine.
        root: the folder that relative paths start from.
    """

    name: str
    python: str | None
    requirements: tuple[str, ...]
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    prefer: tuple[str, ...]
    lock: str | None
    interpreter: str | None
    path: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    cpu: Cpu
    root: str

    def __init__(
        self,
        name: str = "",
        *,
        python: str | None = None,
        requirements: Sequence[str] = (),
        extras: Sequence[str] = (),
        groups: Sequence[str] = (),
        prefer: Sequence[str] = (),
        lock: str | Path | None = None,
        interpreter: str | Path | None = None,
        path: Sequence[str | Path] = (),
        variables: Mapping[str, str] | None = None,
        cpu: Cpu = "native",
        root: str | Path = ".",
    ) -> None:
        """Declare an environment.

        Args:
            name: letters, digits, `_` and `.`.
            python: "3.8" to "3.13", or a full version.
            requirements: such as "pandas==1.3.0".
            extras: of the project in `root`.
            groups: dependency groups of the project in `root`.
            prefer: pins such as "numpy==1.26.4", kept wherever the requirements allow.
            lock: a file such as requirements-train.txt; stands in place of requirements.
            interpreter: stands in place of everything that is installed.
            path: folders to import user code from.
            variables: environment variables.
            cpu: "native" or "baseline".
            root: where relative paths start.

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        label = _check_name(name)
        base = Path(root).absolute()
        values: dict[str, Any] = {
            "python": _check_python(label, python),
            "requirements": _check_requirements(label, "requirements", requirements),
            "extras": _check_texts(label, "extras", extras),
            "groups": _check_texts(label, "groups", groups),
            "prefer": _check_requirements(label, "prefer", prefer),
            "lock": None,
            "interpreter": None,
            "path": tuple(str(base / folder) for folder in _check_texts(label, "path", path)),
            "variables": _check_variables(label, variables),
            "cpu": cpu,
            "root": str(base),
        }
        if lock is not None:
            values["lock"] = str(base / lock)
        if interpreter is not None:
            values["interpreter"] = _expand_interpreter(base, interpreter)
        if cpu not in get_args(Cpu):
            raise DeclarationError(f"{label}: cpu must be 'native' or 'baseline'; got {cpu!r}")
        _check_alternatives(label, values)
        object.__setattr__(self, "name", name or _default_name(values))
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @classmethod
    def from_table(cls, name: str, table: object, root: str | Path) -> "Environment":
        """Return the environment that a table of pyproject.toml declares.

        Args:
            name: the last part of the table's name.
            table: its values; the keys are the arguments of `Environment`.
            root: the folder that relative paths start from.

        Raises:
            DeclarationError: the table has a key that there is not, or a value that is wrong.
        """
        label = f"[tool.skewtest.environments.{name}]"
        if name == HERE:
            raise DeclarationError(
                f"{label}: {HERE!r} is the environment that skewtest runs in; choose another name"
            )
        if not isinstance(table, dict):
            raise DeclarationError(f"{label} must be a table; got {table!r}")
        keys = [field for field in cls.__dataclass_fields__ if field not in ("name", "root")]
        for key in table:
            if key not in keys:
                raise DeclarationError(
                    f"{label} has no key {key!r}; it has {listed(keys)}." + nearest(key, keys)
                )
        return cls(name, **table, root=root)

    @property
    def is_here(self) -> bool:
        """Whether it is the environment that skewtest runs in."""
        return self.name == HERE


def _check_name(name: object) -> str:
    """Return how errors call the environment; raise DeclarationError for a name that ids break."""
    if not name:
        return "Environment"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DeclarationError(
            f"Environment name must be made of letters, digits, '_' and '.'; got {name!r}"
        )
    return f"Environment({name!r})"


def _check_alternatives(place: str, values: Mapping[str, Any]) -> None:
    """Raise unless there is one way to have the environment: found, locked, or resolved."""
    sources = ("requirements", "extras", "groups", "lock")
    used_sources = [name for name in sources if values[name]]
    used = list(used_sources)
    if values["python"]:
        used.append("python")
    if values["interpreter"] is not None:
        if used:
            raise DeclarationError(
                f"{place}: interpreter= stands for itself, with what it has; leave out "
                f"{listed(used)}"
            )
        return
    # Python by itself changes values from version to version: `sum`, `re`, `statistics`.
    if not used:
        raise DeclarationError(
            f"{place} holds nothing; give python=, requirements=, lock=, extras=, groups= or "
            "interpreter="
        )
    if values["lock"] is not None and used_sources != ["lock"]:
        used_sources.remove("lock")
        raise DeclarationError(f"{place}: lock= pins everything; leave out {listed(used_sources)}")


def _check_python(place: str, python: object) -> str | None:
    if python is None:
        return None
    if not isinstance(python, str) or not PYTHON.fullmatch(python):
        raise DeclarationError(f"{place}: python must be like '3.9' or '3.9.18'; got {python!r}")
    major, minor = python.split(".")[:2]
    if (int(major), int(minor)) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise DeclarationError(f"{place}: python must be {oldest} or newer; got {python!r}")
    return python


def _check_requirements(place: str, argument: str, requirements: object) -> tuple[str, ...]:
    texts = _check_texts(place, argument, requirements)
    for text in texts:
        try:
            Requirement(text)
        except InvalidRequirement as error:
            # The parser also draws where it stopped, over lines that no message has room for.
            reason = str(error).splitlines()[0]
            raise DeclarationError(
                f"{place}: requirements takes what pip takes, such as 'pandas==1.3.0'; got "
                f"{text!r} ({reason})"
            ) from error
    return texts


def _check_variables(place: str, variables: object) -> tuple[tuple[str, str], ...]:
    if variables is None:
        return ()
    if not isinstance(variables, Mapping) or not _are_texts([*variables, *variables.values()]):
        raise DeclarationError(f"{place}: variables must be a dict of texts; got {variables!r}")
    return tuple(sorted(variables.items()))


def _are_texts(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _check_texts(place: str, argument: str, values: object) -> tuple[str, ...]:
    if isinstance(values, Sequence) and not isinstance(values, str):
        texts = [str(value) for value in values if isinstance(value, str | Path)]
        if len(texts) == len(values):
            return tuple(texts)
    raise DeclarationError(f"{place}: {argument} must be a list of texts; got {values!r}")


def _expand_interpreter(base: Path, interpreter: str | Path) -> str:
    path = Path(interpreter).expanduser()
    # A bare name such as `python3.9` is looked for on the PATH, not in the project.
    if len(path.parts) == 1:
        return str(path)
    return str(base / path)


def _default_name(values: Mapping[str, Any]) -> str:
    """Return a name of what the environment holds, such as `py3.9_pandas1.3.0`."""
    if values["interpreter"] is not None:
        return re.sub(r"[^A-Za-z0-9_.]+", "_", Path(values["interpreter"]).name)
    parts = []
    if values["python"]:
        parts.append(f"py{values['python']}")
    for requirement in values["requirements"]:
        parts.append(requirement.split(";")[0])
    parts += [*values["extras"], *values["groups"]]
    if values["lock"]:
        parts.append(Path(values["lock"]).stem)
    plain_parts = [re.sub(r"[^A-Za-z0-9.]+", "", part) or "_" for part in parts]
    # Longer ids are cut off on terminals, and two of them make a cell's.
    return "_".join(plain_parts)[:60].strip("_.") or "environment"
