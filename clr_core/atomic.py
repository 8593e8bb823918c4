"""Writing a file so that nobody ever sees half of it.

The bytes are complete before anything is opened. They go to a new file in the same folder, which then takes the name in
one step of the operating system. If the disk fills up or the process is killed, the name still stands for the old file
or for the new one.
"""

from __future__ import annotations

import os
from os import PathLike


def write_bytes(path: str | PathLike[str], data: bytes) -> None:
    """Replace the file at ``path`` by one that holds ``data``, or raise and leave everything as it was.

    Symbolic links are followed and the permissions of an existing file are kept. A path that is not a regular file
    (``/dev/stdout``, a named pipe) is written to directly.

    Args:
        path: The file; its folder must exist.
        data: The whole content.

    Raises:
        OSError: The file cannot be written; its ``filename`` is ``path``.

    Example:
        >>> import os, tempfile
        >>> from clr_core.atomic import write_bytes
        >>> folder = tempfile.mkdtemp()
        >>> write_bytes(os.path.join(folder, "curve.csv"), b"lr,loss")
        >>> os.listdir(folder)
        ['curve.csv']
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                file.write(data)
            return
        target = os.path.realpath(path)
        folder, name = os.path.split(target)
        unfinished = os.path.join(folder, f".{name[:50]}.{os.urandom(6).hex()}")
        try:
            with open(unfinished, "xb") as file:
                file.write(data)
            if os.path.exists(target):
                os.chmod(unfinished, os.stat(target).st_mode & 0o7777)
            os.replace(unfinished, target)
        except BaseException:
            if os.path.exists(unfinished):
                os.unlink(unfinished)
            raise
    except OSError as error:
        error.filename = os.fspath(path)
        del error.filename2  # None would be printed
        raise
