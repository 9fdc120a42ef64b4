"""The parity report as data: one versioned document, of which every other report is made.

The structs are the document's schema: what reads it checks it against them, and
`skewtest report --schema` prints them as JSON Schema. What a live run has in the same form is
declared in `skewtest.results.values`.
"""

from skewtest.report.model.document import VERSION, Report, Verdict
from skewtest.report.model.files import (
    encodable,
    schema,
    to_dict,
    to_json,
)
from skewtest.report.model.finding import (
    Answer,
    Counterexample,
    Finding,
    Step,
    Timeline,
    VersionFinding,
)
from skewtest.report.model.origin import Feature, Git, Host, Implementation, Run, View
from skewtest.report.model.outcome import (
    Compared,
    Errors,
    Latency,
    Matrix,
    Outcome,
    Quantiles,
    Spread,
    Tally,
)
from skewtest.results.values import (
    Attribution,
    Check,
    CheckState,
    Early,
    EnvironmentAnswer,
    Known,
    Migrated,
    Mutation,
    Opinion,
    Part,
    Parting,
    Place,
    Reach,
    Rejected,
    Seconds,
    SideName,
    SideOpinion,
    Stale,
    Versions,
)

__all__ = [
    "VERSION",
    "Answer",
    "Attribution",
    "Check",
    "CheckState",
    "Compared",
    "Counterexample",
    "Early",
    "EnvironmentAnswer",
    "Errors",
    "Feature",
    "Finding",
    "Git",
    "Host",
    "Implementation",
    "Known",
    "Latency",
    "Matrix",
    "Migrated",
    "Mutation",
    "Opinion",
    "Outcome",
    "Part",
    "Parting",
    "Place",
    "Quantiles",
    "Reach",
    "Rejected",
    "Report",
    "Run",
    "Seconds",
    "SideName",
    "SideOpinion",
    "Spread",
    "Stale",
    "Step",
    "Tally",
    "Timeline",
    "Verdict",
    "VersionFinding",
    "Versions",
    "View",
    "encodable",
    "schema",
    "to_dict",
    "to_json",
]
