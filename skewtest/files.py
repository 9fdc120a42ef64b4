"""Files that are whole, or not there."""

import contextlib
import glob
import secrets
import shutil
import time
from pathlib import Path

REPORT_JSON, REPORT_HTML, REPORT_MD = "report.json", "report.html", "report.md"


def remove_report(folder: Path) -> None:
    """Remove the report of an earlier run: the one that begins may die before it writes its own."""
    for name in (REPORT_JSON, REPORT_HTML, REPORT_MD):
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file so that no reader, and no crash, ever meets half of it under its name.

    A file that was there keeps its mode. What is no ordinary file, such as a pipe, is written as it
    is.

    Args:
        path: the file, in a folder that is there; what it held is replaced.
        text: what it is to hold; a str in UTF-8.

    Raises:
        OSError: it cannot be written.
    """
    content = text
    if isinstance(content, str):
        content = content.encode()
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    # A link is followed: what it points at is replaced, and it stays a link.
    target = path.resolve()
    # In the same folder, because a file is renamed within one disk alone. File systems allow names
    # of 255 bytes, which forty characters of any script and a suffix stay below.
    draft = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}")
    _remove_old_drafts(target)
    try:
        with draft.open("xb") as file:
            file.write(content)
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    except BaseException:  # also Ctrl-C
        draft.unlink(missing_ok=True)
        raise


DRAFT_SECONDS = 60 * 60
"""A draft is written in milliseconds: an older one is of a run that was killed."""


def _remove_old_drafts(target: Path) -> None:
    for draft in target.parent.glob(f".{glob.escape(target.name[:40])}.{'[0-9a-f]' * 8}"):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime > DRAFT_SECONDS:
                draft.unlink()
