"""The report on a terminal: 80 columns, colours only where the caller says so."""

from skewtest.report.terminal.outcome import report_text, summary_line
from skewtest.report.terminal.rendering import WIDTH, render

__all__ = ["WIDTH", "render", "report_text", "summary_line"]
