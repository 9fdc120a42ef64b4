"""How two sides can differ, and how user code can fail: closed lists, written here alone.

A new one is a change of its own: the type checker names every `match` that lacks it, and the tests
name the pages.
"""

from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "value",
    "null",
    "missing row",
    "extra row",
    "dtype",
    "error",
    "timeout",
    "nondeterministic",
    "unstable",
]
"""How two answers differ, in the order of the page that explains them. What is unstable agrees
mathematically: one side has lost more than six digits to its own rounding."""
KINDS: tuple[Kind, ...] = get_args(Kind)

# Code that breaks is not code that differs: whoever accepts a difference in values has not accepted
# that the code hangs one day. Such a kind is known only where it is named.
BROKEN_KINDS: tuple[Kind, ...] = ("error", "timeout", "nondeterministic")

Excuse: TypeAlias = Literal["late request", "in order too", "rounding"]
"""Why a row on which the sides differ is no finding of its scenario."""
EXCUSES: tuple[Excuse, ...] = get_args(Excuse)

FailureCode: TypeAlias = Literal[
    "raised",
    "crashed",
    "timeout",
    "not_given",
    "no_method",
    "not_a_frame",
    "missing_columns",
    "bad_key_type",
    "not_a_mapping",
    "missing_feature",
    "odd_value",
    "wrong_parameters",
    "tolerance",
    "codec",
    "store",
    "bad_snapshot",
    "fit",
]
"""Why user code did not answer; `skewtest.report.words` has the sentences."""
FAILURE_CODES: tuple[FailureCode, ...] = get_args(FailureCode)
