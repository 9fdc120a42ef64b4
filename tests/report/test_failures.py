"""Each way in which user code can fail has words."""

import pytest

from skewtest.declare.divergence import FAILURE_CODES
from skewtest.report.failures import HEADLINES, TEXTS, failure_headline, failure_text
from skewtest.sides.answers import Failure

FACTS = {
    "family": "string",
    "feature": "total",
    "got": ["totl"],
    "has": ["update"],
    "how": "SIGSEGV",
    "known": ["orders"],
    "lacking": ["total"],
    "last": "",
    "names": ["ordres"],
    "seconds": 1.0,
    "told": "it returned an int",
    "type": "int",
    "value": "3",
    "verb": "query",
}


def test_the_headlines_are_those_of_the_closed_list():
    assert sorted(HEADLINES) == sorted(TEXTS) == sorted(FAILURE_CODES)


@pytest.mark.parametrize("code", FAILURE_CODES)
def test_every_failure_has_a_headline_and_a_text(code):
    error = ValueError("no") if code == "raised" else None
    failure = Failure("online", code, FACTS, error)
    assert failure_headline(failure)
    assert failure_text(failure)
