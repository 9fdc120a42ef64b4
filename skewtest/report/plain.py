"""Texts of users made safe to show: what is invisible, or turns its surroundings, is spelled."""

import re

INVISIBLE = re.compile(
    # Control characters but tab and newline, what turns the direction of a text, what has no
    # width, line and paragraph separators, variation tags, halves of surrogate pairs.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Return a text whose invisible characters are written as escapes, such as backslash-u202e."""
    return INVISIBLE.sub(_escape, text)


def one_line(text: str) -> str:
    """Return a text on one line, with nothing invisible in it."""
    return visible(" ".join(text.split()))


def cut_text(text: str, most: int) -> str:
    """Return a text of at most `most` characters; what is cut ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _escape(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
