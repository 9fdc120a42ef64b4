"""What the fixture `skew` gives to a test."""

from typing import TYPE_CHECKING

import pytest

from skewtest.declare.view import FeatureView
from skewtest.harness.items import views_named_by
from skewtest.harness.questions import InCell, Question
from skewtest.report.result import Result

if TYPE_CHECKING:
    from skewtest.harness.run import Harness


class Skew:
    """Checks views under one scenario, or under all that they declare."""

    def __init__(
        self, harness: "Harness", request: pytest.FixtureRequest, question: Question
    ) -> None:
        self._harness = harness
        self._item: pytest.Item = request.node
        self._question = question
        if isinstance(question, InCell):
            # So that an environment that cannot be had is an error of the setup.
            for view in views_named_by(request.function, request.module):
                harness.prepare(self._item, view, question)

    def check(self, view: FeatureView) -> Result:
        """Check a view and return its Result.

        Raises:
            SkewError: batch and online disagree, or a feature was never tested.
        """
        __tracebackhide__ = True
        return self._harness.check(self._item, view, self._question)

    def run(self, view: FeatureView) -> Result:
        """Check a view and return its Result, whatever was found."""
        __tracebackhide__ = True
        return self._harness.run(self._item, view, self._question)
