"""Fetching the official files: resumed where it broke off, and compared with their SHA-256."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from maade_np.tables.base import TableError

Progress = Callable[[int, int], object]

_BLOCK = 2**18
_WORTH_IT = 2**20  # an attempt that brought so many bytes is no failure, however it ended
_LONGEST_PAUSE = 60.0
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_NETWORK = (OSError, http.client.HTTPException)  # what the disk refuses is a TableError by then


class OfficialFile(NamedTuple):
    """A published file: `size` is about how many bytes it has, `sha256` is exact."""

    name: str
    url: str
    size: int
    sha256: str


FILES = {
    "only108": OfficialFile(
        "nasbench_only108.tfrecord",
        "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
        499_000_000,
        "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
    ),
    "full": OfficialFile(
        "nasbench_full.tfrecord",
        "https://storage.googleapis.com/nasbench/nasbench_full.tfrecord",
        1_950_000_000,
        "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c",
    ),
}


class _RetryError(Exception):
    """An attempt that ended early, and why; another may do better."""


class _StartAgainError(_RetryError):
    """What is there cannot be continued."""


def download(
    name: str,
    folder: str | os.PathLike[str],
    url: str | None = None,
    progress: Progress | None = None,
    *,
    attempts: int = 6,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Fetch an official file, unless it is there.

    What arrives is kept under the name with ``.part`` behind it, and continued by the next
    attempt or call; the file appears under its own name when its SHA-256 is right.

    Parameters
    ----------
    name : str
        A key of `FILES`: "only108" or "full".
    folder : path-like
        Where to put it; it must exist.
    url : str, optional
        Another place that has the same file, over http or https.
    progress : callable, optional
        Called as ``progress(done_bytes, total_bytes)``; the total is an estimate until the
        server has named it.
    attempts : int
        So many failures in a row end it; an attempt that brought a megabyte is none.
    timeout : float
        Seconds without a byte until an attempt is given up.
    pause : float
        Seconds before the second attempt; twice as long before each further one, at most a
        minute.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TableError
        An unknown name, a folder that is not there, an address that has no such file, a file of
        another content, no space left, or too many failures.
    """
    if name not in FILES:
        raise TableError(f"unknown file {name!r}: there are {', '.join(FILES)}")
    known = FILES[name]
    target = Path(folder) / known.name
    if not target.parent.is_dir():
        raise TableError(f"{target}: there is no folder {target.parent}: create it first")
    if target.exists():
        _check_sha256(target, known, "remove it to fetch it again")
        return target
    fetch = _Fetch(
        url or known.url, target.with_name(known.name + ".part"), known, timeout, progress
    )
    resumed = fetch.done() > 0
    _until_complete(fetch, attempts, pause)
    try:
        _check_sha256(fetch.part, known, f"{fetch.url} has another file: give the right address")
    except TableError:
        fetch.part.unlink()
        if not resumed:
            raise
        # the part may have been another file's; what is fetched anew is not
        return download(
            name, folder, url, progress, attempts=attempts, timeout=timeout, pause=pause
        )
    os.replace(fetch.part, target)
    return target


def _until_complete(fetch: _Fetch, attempts: int, pause: float) -> None:
    failures = 0
    while True:
        before = fetch.done()
        try:
            fetch.attempt()
            return
        except (_RetryError, *_NETWORK) as error:
            if isinstance(error, _StartAgainError):
                fetch.part.unlink(missing_ok=True)
            failures = 0 if fetch.done() - before >= _WORTH_IT else failures + 1
            if failures >= attempts:
                raise TableError(
                    f"{fetch.url}: {attempts} attempts failed, the last one with: {error}; "
                    f"{fetch.done():,} bytes are kept in {fetch.part}: try again later"
                ) from error
            time.sleep(min(pause * 2 ** max(failures - 1, 0), _LONGEST_PAUSE))


def _check_sha256(path: Path, known: OfficialFile, remedy: str) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != known.sha256:
        raise TableError(
            f"{path}: its {path.stat().st_size:,} bytes have SHA-256 {found}, expected "
            f"{known.sha256}: {remedy}"
        )


class _Fetch:
    """One file on its way: attempts that each continue the part that is there."""

    def __init__(
        self, url: str, part: Path, known: OfficialFile, timeout: float, progress: Progress | None
    ) -> None:
        if not re.match(r"https?://[\w.-]", url):
            raise TableError(f"{url!r} is no address that starts with http:// or https://")
        self.url, self.part, self.known = url, part, known
        self._timeout, self._progress = timeout, progress
        self._version: str | None = None  # of the file, as the server names it

    def done(self) -> int:
        """How many bytes are there."""
        return self.part.stat().st_size if self.part.exists() else 0

    def attempt(self) -> None:
        """Ask for what is missing and append it; returns when all is there."""
        start = self.done()
        request = urllib.request.Request(self.url, headers={"Accept-Encoding": "identity"})
        if start:
            request.add_header("Range", f"bytes={start}-")
            if self._version:
                request.add_header("If-Range", self._version)
        try:
            response = urllib.request.urlopen(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error, start)
            return
        with response:
            start, total = self._extent(response, start)
            version = response.headers.get("ETag")
            self._version = version if version and version.startswith('"') else None
            self._append(response, start, total)
        if total is not None and self.done() != total:
            raise _RetryError(f"the connection ended after {self.done():,} of {total:,} bytes")

    def _refused(self, error: urllib.error.HTTPError, start: int) -> None:
        """Return where all is there already; otherwise raise."""
        if error.code == 416 and start:
            whole = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range") or "")
            if whole and int(whole[1]) == start:
                return
            raise _StartAgainError(f"the server has no bytes from {start:,} on")
        if error.code in _TRY_AGAIN:
            raise _RetryError(f"the server answered {error.code} {error.reason}")
        raise TableError(
            f"{self.url}: the server answered {error.code} {error.reason}: check the address, or "
            "name another one"
        )

    def _extent(self, response: http.client.HTTPResponse, start: int) -> tuple[int, int | None]:
        """Where the bytes that come belong, and how many the file has, where that is said."""
        if response.status != 206:
            length = response.headers.get("Content-Length")
            return 0, int(length) if length and length.isdecimal() else None
        stated = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range") or ""
        )
        if not stated or int(stated[1]) != start:
            raise _StartAgainError(f"asked for bytes from {start:,} on, the server sends others")
        return start, None if stated[3] == "*" else int(stated[3])

    def _append(self, response: http.client.HTTPResponse, start: int, total: int | None) -> None:
        expected = total or self.known.size
        if expected > 2 * self.known.size:
            raise TableError(
                f"{self.url}: the server's file has {expected:,} bytes, expected about "
                f"{self.known.size:,}: check the address"
            )
        if (free := shutil.disk_usage(self.part.parent).free) < expected - start:
            raise TableError(
                f"{self.part}: {expected - start:,} bytes are to come, {free:,} are free: make "
                "space, or name another folder"
            )
        done = start
        try:  # unbuffered, so that what could not be written is not tried again on closing
            file = open(self.part, "ab" if start else "wb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise TableError(f"{self.part}: cannot be written ({error})") from error
        with file:
            while block := response.read(_BLOCK):
                done += len(block)
                if done > 2 * self.known.size:
                    raise TableError(f"{self.url}: more than {done:,} bytes: check the address")
                try:
                    file.write(block)
                except OSError as error:
                    raise TableError(f"{self.part}: cannot be written ({error})") from error
                if self._progress is not None:
                    self._progress(done, max(expected, done))
