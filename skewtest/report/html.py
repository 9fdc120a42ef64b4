"""The report as one self-contained HTML page."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def html_page(document: Mapping[str, Any]) -> str:
    """Return a report document as a page that needs no network. All values are escaped."""
    environment = Environment(
        loader=PackageLoader("skewtest.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(document=document)
