"""Sessions for every Python that is installed: `nox`, or `nox -s tests-3.12 -- tests/unit`."""

import shutil
import subprocess

import nox

PYTHONS = ("3.11", "3.12", "3.13")

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "tests", "examples"]


def installed(version: str) -> bool:
    """Return whether a Python is there and starts; a version manager's shim may do neither."""
    found = shutil.which(f"python{version}")
    if found is None:
        return False
    return subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603


FOUND = [version for version in PYTHONS if installed(version)]
if not FOUND:
    raise SystemExit(f"noxfile.py: skewtest is tested on Python {PYTHONS}, and none is installed")


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """The fast tests, or those that are named after `--`."""
    session.install("--group", "test", "-e", ".")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(python=FOUND[0])
def slow(session: nox.Session) -> None:
    """The long runs of tests/quality."""
    session.install("--group", "test", "-e", ".")
    session.run("pytest", "-n", "auto", "-m", "slow", *session.posargs)


@nox.session(python=FOUND[0])
def lowest(session: nox.Session) -> None:
    """The fast tests with the oldest dependencies that pyproject.toml allows."""
    resolution = {"UV_RESOLUTION": "lowest-direct"}
    session.install("--group", "test", "-e", ".", env=resolution)
    session.run("pytest", "-n", "auto", "-W", "default", *session.posargs)


@nox.session(python=FOUND[0])
def lint(session: nox.Session) -> None:
    """Ruff, mypy and the import contracts."""
    session.install("--group", "lint", "-e", ".")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports")


@nox.session(python=FOUND[0])
def browser(session: nox.Session) -> None:
    """The HTML report in a real browser; needs chromium."""
    session.install("--group", "test", "--group", "browser", "-e", ".")
    session.run("pytest", "-n", "auto", "-m", "browser", *session.posargs)


@nox.session(python=FOUND[0])
def docs(session: nox.Session) -> None:
    """Every code block of README.md and docs/."""
    session.install("--group", "test", "-e", ".")
    session.run("pytest", "-n", "auto", "-m", "docs", *session.posargs)


@nox.session(python=FOUND[0])
def examples(session: nox.Session) -> None:
    """The feature repos of examples/, each as its team would run it."""
    session.install("--group", "test", "--group", "examples", "-e", ".")
    session.run("bash", ".ci/examples", external=True)


@nox.session(python=FOUND)
def wheel(session: nox.Session) -> None:
    """The built wheel and the plugin template, in a clean environment."""
    session.install("--group", "test", "-e", ".")
    session.run("pytest", "-m", "wheel", *session.posargs)
