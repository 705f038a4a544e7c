"""Files: atomic writes, one writer at a time, and a cache folder that may fail without harm."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Arrays = dict[str, np.ndarray]
# where the lock of a file lies: behind all that is ever written, as Windows locks what it covers
_LOCK_AT = 2**30


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that appears under its name only when it is complete.

    The bytes go to a temporary name in the same folder, which is renamed when the block ends
    and removed when it raises; a reader never meets half a file.

    Parameters
    ----------
    path : path-like
        Where the file shall be; its folder must exist. An existing file is replaced.

    Yields
    ------
    BinaryIO
        The temporary file, open for writing.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text atomically as UTF-8, line ends as they are."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


@contextmanager
def only_writer(path: str | os.PathLike[str], of: str) -> Iterator[None]:
    """Hold the lock of a file, made if need be, while the block runs.

    The system drops it when the process ends, however it ends, so no lock is ever left behind.

    Parameters
    ----------
    path : path-like
        Must not be replaced or removed meanwhile.
    of : str
        What is written to, for the error.

    Raises
    ------
    RuntimeError
        Another process (or another block of this one) holds it.
    """
    with open(path, "ab") as file:
        try:
            if sys.platform == "win32":
                file.seek(_LOCK_AT)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise RuntimeError(
                f"another run is writing into {of}: wait for its end, or choose another folder"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield


def cache_folder() -> Path:
    """Where things that can be computed again are kept.

    The environment variable ``MAADE_CACHE`` names it; otherwise ``maade_np`` in the user's
    cache folder: ``%LOCALAPPDATA%`` on Windows, ``~/Library/Caches`` on macOS,
    ``$XDG_CACHE_HOME`` or ``~/.cache`` elsewhere. It can be deleted at any time.

    Raises
    ------
    RuntimeError
        The home folder cannot be determined (and ``MAADE_CACHE`` is not set).
    """
    if named := os.environ.get("MAADE_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "maade_np"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "maade_np"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "maade_np"


def cached(
    name: str, build: Callable[[], Arrays], accept: Callable[[Mapping[str, np.ndarray]], bool]
) -> Arrays:
    """Arrays from the cache folder, or built anew where the cache does not serve.

    A cache only ever saves time: where its file is absent, truncated, corrupt (each array has
    a checksum in the archive), stale or unreadable, the arrays are built; where it cannot be
    written, nothing is said.

    Parameters
    ----------
    name : str
        File name without suffix; it carries the version of what is stored.
    build : callable
        Computes the arrays.
    accept : callable
        Says whether arrays that were read have the shapes and ranges their user relies on.
    """
    try:
        path = cache_folder() / f"{name}.npz"
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        if accept(arrays):
            return arrays
    except Exception:  # whatever is wrong with it, it can be built again
        pass
    arrays = build()
    with suppress(OSError, RuntimeError):
        path = cache_folder() / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as target:
            np.savez(target, **arrays)  # type: ignore[arg-type]
    return arrays
