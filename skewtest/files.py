"""Files that are whole, or not there."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file so that no reader, and no crash, ever meets half of it under its name.

    What is no ordinary file, such as a pipe, is written as it is.

    Args:
        path: the file, in a folder that is there; what it held is replaced.
        text: what it is to hold; a str in UTF-8.

    Raises:
        OSError: it cannot be written.
    """
    content = text.encode() if isinstance(text, str) else text
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    place = path.resolve()
    handle, part = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(part).chmod(0o644)
        Path(part).replace(place)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
