"""Runs the code blocks of a Markdown page, top to bottom, in a project folder of its own.

The convention is in CONTRIBUTING.md, under "Code on a page".
"""

import doctest
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+) *(?P<language>[\w+-]*)[^`]*$")
NOT_RUN = re.compile(r"<!-- not run: .+ -->")
FILE = re.compile(r"# (?P<path>[\w./-]+\.\w+)(?:[:,] .*)?")
EXITS = re.compile(r"\s+# exits (?P<code>\d)$")
OURS = ("skewtest", "pytest", "python")
"""Commands that are run; any other on a console is only shown."""
SHOWN = ("sh", "text", "yaml", "mermaid")
FILES = ("python", "toml", "sql")
SECONDS = 120


class BlockError(AssertionError):
    """A block does not do what its page says."""


@dataclass(frozen=True, slots=True)
class Block:
    page: str
    line: int
    """The line of its opening fence."""
    language: str
    text: str
    run: bool

    @property
    def place(self):
        return f"{self.page}:{self.line}"

    @property
    def file(self):
        """The path that the first line names, if any."""
        first = FILE.fullmatch(self.text.partition("\n")[0])
        return first["path"] if first and self.language in FILES else None


@dataclass(slots=True)
class Project:
    """What the blocks of one page share: a folder, and the names that its Python defines."""

    folder: Path
    names: dict = field(default_factory=lambda: {"__name__": "__page__"})


def blocks_of(page, text):
    """Return the fenced blocks of a Markdown text, in order."""
    found, opened, before = [], None, ""
    for number, line in enumerate(text.splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened = (number, fence, bool(NOT_RUN.fullmatch(before.strip())), [])
        elif opened is not None:
            start, opening, skipped, lines = opened
            if fence and not fence["language"] and fence["fence"].startswith(opening["fence"]):
                body = "\n".join(lines)
                found.append(Block(page, start, opening["language"], body, run=not skipped))
                opened = None
            else:
                lines.append(line.removeprefix(opening["indent"]))
        if line.strip():
            before = line
    if opened is not None:
        raise BlockError(f"{page}:{opened[0]}: this block is never closed")
    return found


def run_page(blocks, folder):
    """Run blocks in order; raise at the first that fails."""
    project = Project(folder)
    came_from = os.getcwd()  # noqa: PTH109 - handed back as it was
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        for block in blocks:
            if block.run:
                run_block(block, project)
    finally:
        sys.path.remove(str(folder))
        os.chdir(came_from)
        _forget_modules(folder)


def run_block(block, project):
    """Run one block as its language and first line say."""
    if block.file is not None:
        _write(block, project.folder)
    elif block.language == "python":
        _execute(block, project.names)
    elif block.language == "pycon":
        _converse(block, project.names)
    elif block.language == "console":
        _command(block, project.folder)
    elif block.language in ("toml", "json"):
        (tomllib if block.language == "toml" else json).loads(block.text)
    elif block.language not in SHOWN:
        raise BlockError(
            f"{block.place}: a block's language must be one of python, pycon, console, toml, json "
            f"(run or read) or {', '.join(SHOWN)} (only shown); got {block.language!r}"
        )


def _write(block, folder):
    path = folder / block.file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BlockError(f"{block.place}: {block.file} lies outside the page's project")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text + "\n", encoding="utf-8")


def _execute(block, names):
    code = compile("\n" * block.line + block.text, block.page, "exec", dont_inherit=True)
    exec(code, names)  # noqa: S102 - the pages are ours


def _converse(block, names):
    example = doctest.DocTestParser().get_doctest(
        block.text + "\n", names, block.page, block.page, block.line
    )
    example.globs = names
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said = []
    result = runner.run(example, out=said.append, clear_globs=False)
    if result.failed:
        raise BlockError(f"{block.place}: " + "".join(said))
    if not result.attempted:
        raise BlockError(f"{block.place}: a pycon block without a >>> line")


def _command(block, folder):
    commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    if commands[0].strip() or len(commands) == 1:
        raise BlockError(f"{block.place}: a console block begins with a `$ command` line")
    for command in commands[1:]:
        line, _, expected = command.partition("\n")
        exits = EXITS.search(line)
        words = shlex.split(EXITS.sub("", line))
        if words[0] in OURS:
            ran = _run(words, folder)
            _check_exit(block, line, ran, int(exits["code"]) if exits else 0)
            if expected.strip():
                _check_output(block, line, ran.stdout, expected)


def _run(words, folder):
    tools = Path(sys.executable).parent
    return subprocess.run(
        [sys.executable if words[0] == "python" else str(tools / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": "", "PYTEST_ADDOPTS": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def _check_exit(block, line, ran, expected):
    if ran.returncode != expected:
        raise BlockError(
            f"{block.place}: `{line}` must exit with {expected}, and exited with "
            f"{ran.returncode}. It printed:\n{ran.stdout}"
        )


def _check_output(block, line, printed, expected):
    if not matches(expected, printed):
        raise BlockError(
            f"{block.place}: `{line}` must print:\n{expected}\nand it printed:\n{printed}"
        )


def matches(expected, printed):
    """Return whether an output is the expected one.

    `...` stands for any text, and on a line of its own for any lines or none.
    """
    wanted, got = (_stripped(text) + "\n" for text in (expected, printed))
    pattern = "".join(
        "(?:.*?\n)?" if line == "...\n" else ".*?".join(map(re.escape, line.split("...")))
        for line in wanted.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, got, flags=re.DOTALL) is not None


def _stripped(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _forget_modules(folder):
    """Drop what was imported from a page's project: the next page may use the same names."""
    for name, module in list(sys.modules.items()):
        # A package without __init__.py has no file, only a path. A module's own __getattr__ may
        # warn of what it does not have, so it is not asked.
        names = getattr(module, "__dict__", {})
        places = [names.get("__file__"), *(names.get("__path__") or ())]
        if any(place is not None and Path(place).is_relative_to(folder) for place in places):
            del sys.modules[name]
