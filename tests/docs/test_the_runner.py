"""The runner of code blocks fails where a page is wrong."""

import re
import sys
import textwrap

import pytest
from pages import BlockError, blocks_of, matches, run_page


def run(text, folder):
    run_page(blocks_of("page.md", textwrap.dedent(text)), folder)


def fails(text, folder, message, error=BlockError):
    with pytest.raises(error, match=re.escape(message)):
        run(text, folder)


def test_python_blocks_of_a_page_share_their_names(tmp_path):
    run(
        """
        ```python
        x = 1
        ```
        ```python
        assert x == 1
        ```
        """,
        tmp_path,
    )


def test_a_failing_python_block_fails_at_its_own_line(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        run("text\n\n```python\nx = 1\nx / 0\n```\n", tmp_path)

    assert (caught.traceback[-1].path, caught.traceback[-1].lineno + 1) == ("page.md", 5)


def test_a_block_that_names_a_path_becomes_that_file(tmp_path):
    run(
        """
        ```python
        # features/spend.py: the team's own code
        WINDOW = 7
        ```
        ```python
        from features.spend import WINDOW
        assert WINDOW == 7
        ```
        """,
        tmp_path,
    )

    assert (tmp_path / "features" / "spend.py").read_text(encoding="utf-8") == (
        "# features/spend.py: the team's own code\nWINDOW = 7\n"
    )
    assert "features.spend" not in sys.modules
    assert "features" not in sys.modules


def test_a_path_outside_the_project_is_refused(tmp_path):
    fails(
        "```python\n# ../spend.py\n```", tmp_path, "page.md:1: ../spend.py lies outside the page's"
    )


def test_a_comment_that_ends_in_a_dot_is_no_path(tmp_path):
    run("```python\n# Sums the amounts.\nx = 1\n```", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_conversation_is_compared(tmp_path):
    raised = ">>> {}['a']\nTraceback (most recent call last):\nKeyError: 'a'"
    run(f"```pycon\n>>> 1 + 1\n2\n{raised}\n```", tmp_path)
    fails("```pycon\n>>> 1 + 1\n3\n```", tmp_path, "Expected:\n    3\nGot:\n    2")


def test_a_conversation_knows_the_names_of_the_page(tmp_path):
    run("```python\nx = 1\n```\n```pycon\n>>> x\n1\n>>> y = x\n```\n```python\ny\n```", tmp_path)


def test_a_console_block_is_run_and_its_output_compared(tmp_path):
    run('```console\n$ python -c "print(1); print(2)"\n1\n2\n```', tmp_path)
    fails(
        '```console\n$ python -c "print(1)"\n2\n```',
        tmp_path,
        'page.md:1: `python -c "print(1)"` must print:\n2\nand it printed:\n1\n',
    )


def test_a_command_that_fails_unannounced_is_an_error(tmp_path):
    fails(
        '```console\n$ python -c "exit(1)"\n```',
        tmp_path,
        'page.md:1: `python -c "exit(1)"` must exit with 0, and exited with 1',
    )


def test_an_announced_exit_code_is_required(tmp_path):
    run('```console\n$ python -c "exit(1)"   # exits 1\n```', tmp_path)
    fails('```console\n$ python -c "exit(0)" # exits 1\n```', tmp_path, "must exit with 1")


def test_commands_that_are_not_ours_are_only_shown(tmp_path):
    run("```console\n$ pip install skewtest\n$ git push\n```\n```sh\nexit 1\n```", tmp_path)


def test_a_block_is_left_out_only_for_a_reason(tmp_path):
    run("<!-- not run: needs a broker -->\n```python\n1 / 0\n```", tmp_path)
    fails("<!-- not run: -->\n```python\n1 / 0\n```", tmp_path, "zero", ZeroDivisionError)


@pytest.mark.parametrize("language", ["", "pyton"])
def test_a_block_of_no_known_language_is_an_error(language, tmp_path):
    fails(f"```{language}\nx\n```", tmp_path, f"got {language!r}")


def test_a_block_that_is_never_closed_is_an_error(tmp_path):
    fails("```python\nx = 1\n", tmp_path, "page.md:1: this block is never closed")


def test_a_fence_inside_a_longer_fence_is_text(tmp_path):
    run("````text\n```python\n1 / 0\n```\n````", tmp_path)


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a 1.0", "a 1.0  \n", True),
        ("a ... s\nb", "a 0.08 s\nb", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("...\nd", "a\nd", True),
        ("...\nd\n...", "d", True),
        ("...\nd", "a d", False),
        ("a", "a\nb", False),
        ("a ... s", "a 0.08 m", False),
        ("a.b", "acb", False),
    ],
)
def test_dots_stand_for_any_text(expected, printed, same):
    assert matches(expected, printed) is same
