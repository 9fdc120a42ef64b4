"""An environment: an interpreter and the versions of libraries that user code runs under."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from packaging.requirements import InvalidRequirement, Requirement

from skewtest.errors import DeclarationError, listed, nearest

HERE = "here"
"""The name of the environment that skewtest itself runs in."""
PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,3})?")
OLDEST = (3, 8)
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
        place = f"Environment({name!r})" if name else "Environment"
        if name and (not isinstance(name, str) or not NAME.fullmatch(name)):
            raise DeclarationError(
                f"Environment name must be made of letters, digits, '_' and '.'; got {name!r}"
            )
        requirements = _texts(place, "requirements", requirements)
        base = Path(root).absolute()
        values: dict[str, Any] = {
            "python": _checked_python(place, python),
            "requirements": tuple(_checked_requirement(place, text) for text in requirements),
            "extras": _texts(place, "extras", extras),
            "groups": _texts(place, "groups", groups),
            "prefer": tuple(
                _checked_requirement(place, text) for text in _texts(place, "prefer", prefer)
            ),
            "lock": None if lock is None else str(base / lock),
            "interpreter": None if interpreter is None else _expanded(base, interpreter),
            "path": tuple(str(base / folder) for folder in _texts(place, "path", path)),
            "variables": _checked_variables(place, variables),
            "cpu": cpu,
            "root": str(base),
        }
        if cpu not in get_args(Cpu):
            raise DeclarationError(f"{place}: cpu must be 'native' or 'baseline'; got {cpu!r}")
        _check_alternatives(place, values)
        object.__setattr__(self, "name", name or _default_name(values))
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @classmethod
    def from_table(cls, name: str, table: object, root: str | Path) -> "Environment":
        """Return the environment that a table of pyproject.toml declares.

        Raises:
            DeclarationError: the table has a key that there is not, or a value that is wrong.
        """
        place = f"[tool.skewtest.environments.{name}]"
        if name == HERE:
            raise DeclarationError(
                f"{place}: {HERE!r} is the environment that skewtest runs in; choose another name"
            )
        if not isinstance(table, dict):
            raise DeclarationError(f"{place} must be a table; got {table!r}")
        known = [field for field in cls.__dataclass_fields__ if field not in ("name", "root")]
        for key in table:
            if key not in known:
                raise DeclarationError(
                    f"{place} has no key {key!r}; it has {listed(known)}." + nearest(key, known)
                )
        return cls(name, **table, root=root)

    @property
    def is_here(self) -> bool:
        """Whether it is the environment that skewtest runs in."""
        return self.name == HERE


def _check_alternatives(place: str, values: Mapping[str, Any]) -> None:
    installs = ("requirements", "extras", "groups", "lock", "python")
    given = [name for name in installs if values[name]]
    if values["interpreter"] is not None and given:
        raise DeclarationError(
            f"{place}: interpreter= stands for itself, with what it has; leave out {listed(given)}"
        )
    if values["lock"] is not None and len(given) > (2 if values["python"] else 1):
        rest = [name for name in given if name not in ("lock", "python")]
        raise DeclarationError(f"{place}: lock= pins everything; leave out {listed(rest)}")
    if values["interpreter"] is None and not [name for name in given if name != "python"]:
        raise DeclarationError(
            f"{place} holds no library; give requirements=, lock=, extras=, groups= or interpreter="
        )


def _checked_python(place: str, python: object) -> str | None:
    if python is None:
        return None
    if not isinstance(python, str) or not PYTHON.fullmatch(python):
        raise DeclarationError(f"{place}: python must be like '3.9' or '3.9.18'; got {python!r}")
    if tuple(map(int, python.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise DeclarationError(f"{place}: python must be {oldest} or newer; got {python!r}")
    return python


def _checked_requirement(place: str, text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        raise DeclarationError(
            f"{place}: requirements takes what pip takes, such as 'pandas==1.3.0'; got {text!r} "
            f"({str(error).splitlines()[0]})"
        ) from error
    return text


def _checked_variables(place: str, variables: object) -> tuple[tuple[str, str], ...]:
    if variables is None:
        return ()
    if not isinstance(variables, Mapping) or not all(
        isinstance(part, str) for pair in variables.items() for part in pair
    ):
        raise DeclarationError(f"{place}: variables must be a dict of texts; got {variables!r}")
    return tuple(sorted(variables.items()))


def _texts(place: str, name: str, values: object) -> tuple[str, ...]:
    is_list = isinstance(values, Sequence) and not isinstance(values, str)
    if not is_list or not all(isinstance(value, str | Path) for value in values):  # type: ignore[attr-defined] # a list by now
        raise DeclarationError(f"{place}: {name} must be a list of texts; got {values!r}")
    return tuple(str(value) for value in values)  # type: ignore[attr-defined] # as above


def _expanded(base: Path, interpreter: str | Path) -> str:
    path = Path(interpreter).expanduser()
    return str(base / path if len(path.parts) > 1 else path)


def _default_name(values: Mapping[str, Any]) -> str:
    if values["interpreter"] is not None:
        return re.sub(r"[^A-Za-z0-9_.]+", "_", Path(values["interpreter"]).name)
    parts = [f"py{values['python']}"] if values["python"] else []
    parts += [text.split(";")[0] for text in values["requirements"]]
    parts += [*values["extras"], *values["groups"]]
    parts += [Path(values["lock"]).stem] if values["lock"] else []
    joined = "_".join(re.sub(r"[^A-Za-z0-9.]+", "", part) or "_" for part in parts)
    return joined[:60].strip("_.") or "environment"
