"""Our frames are hidden; the user's are shown when their code raised."""

import pytest


def test_a_skew_is_shown_without_any_traceback(skewed):
    text = skewed.run().stdout.str()
    for ours in ("skewtest/", "SkewError", "raise_if_skewed", "Traceback"):
        assert ours not in text


def test_raise_if_skewed_in_a_test_shows_the_user_s_line_alone(skewed):
    skewed.view(
        more="""
        def test_spend():
            result = sk.check(spend, histories=128, seed=1)
            result.raise_if_skewed()
        """
    )
    result = skewed.run("-k", "test_spend")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines([">*result.raise_if_skewed()"])
    assert "skewtest/result.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("    age = pl.col", "    helper()\n    age = pl.col"),
        ("        self.orders.append(event)", "        helper()"),
    ],
    ids=["batch", "online"],
)
def test_user_code_that_raises_shows_its_frames_and_none_of_ours(project, where, line):
    text = (project.path / "features.py").read_text().replace(where, line)
    project.file("features.py", text + "\n\ndef helper():\n    raise LookupError('no rate')\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*raises LookupError*",
            "*features.py*",
            "*helper()",
            "*features.py*in helper",
            "*LookupError: no rate",
        ]
    )
    assert "skewtest/sides" not in result.stdout.str()
    assert "asyncio" not in result.stdout.str()


def test_a_test_that_raises_itself_has_its_own_traceback(project):
    project.view(more="\ndef test_spend(skew):\n    skew.check(spend)\n    assert 1 == 2\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2"])


def test_warnings_as_errors_do_not_break_a_check(project):
    project.file("tox.ini", "[pytest]\nfilterwarnings = error\n")
    project.run().assert_outcomes(passed=1)
