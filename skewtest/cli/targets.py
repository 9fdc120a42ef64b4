"""What commands are given: views by module and name, the corpus, and the old names of views."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import typer

from skewtest.cli.exits import BROKEN, import_from_here, refuse
from skewtest.declare.view import FeatureView
from skewtest.environments.settings import project_file, tool_table
from skewtest.errors import listed, nearest
from skewtest.tracebacks import format_user_traceback
from skewtest.worker.exits import NoExit

DEFAULT_CORPUS = Path("tests/skew-corpus")


def find_corpus(named: Path | None) -> Path:
    """Return the folder of kept counterexamples; one that was named has to be there.

    A folder that is spelt wrong would be one without guards, and nobody would hear of it.
    """
    if named is None:
        return DEFAULT_CORPUS.absolute()
    if not named.is_dir():
        refuse(
            f"--corpus names the folder {str(named)!r}, which is not there: kept counterexamples "
            f"would not be run. Name the folder they are in, "
            f"or make an empty one (mkdir -p {named})"
        )
    return named.absolute()


def load_renamed() -> dict[str, str]:
    """Return the old names of views, by which counterexamples were kept, and their new ones."""
    renamed = tool_table(project_file()).get("renamed", {})
    is_mapping = isinstance(renamed, dict)
    if not is_mapping or not all(isinstance(name, str) for name in renamed.values()):
        refuse(f'[tool.skewtest] renamed must be names of views: {{old = "new"}}; got {renamed!r}')
    return dict(renamed)


def views_of(target: str) -> list[tuple[str, FeatureView]]:
    """Return the views that `module:view` or `module` names."""
    module_name, _, view_name = target.partition(":")
    module = _import_module(module_name)
    views = {}
    for name, value in vars(module).items():
        if isinstance(value, FeatureView):
            views[name] = value
    if not views:
        refuse(f"the module {module_name!r} holds no FeatureView")
    if not view_name:
        return list(views.items())
    if view_name not in views:
        refuse(
            f"{module_name!r} has no feature view {view_name!r}; it has {listed(views)}."
            + nearest(view_name, views)
        )
    return [(view_name, views[view_name])]


def _import_module(name: str) -> ModuleType:
    usage = "name one as in: skewtest check my_repo.features:spend"
    if not all(part.isidentifier() for part in name.split(".")):
        refuse(f"{name!r} is no module; {usage}")
    import_from_here()
    try:
        with NoExit():
            return import_module(name)
    except KeyboardInterrupt:
        raise
    # A module may end in sys.exit() as well: whatever stops it, the user is told where.
    except BaseException as error:
        if _is_missing(name, error):
            refuse(f"there is no module {name!r}; {usage}")
        typer.echo(f"{name!r} cannot be imported:\n\n{format_user_traceback(error)}", err=True)
        raise typer.Exit(BROKEN) from error


def _is_missing(name: str, error: BaseException) -> bool:
    """Return whether there is no such module, rather than one that it imports."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return False
    return f"{name}.".startswith(f"{error.name}.")
