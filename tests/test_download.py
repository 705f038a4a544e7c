"""Fetching a file from a server that does what servers do. All servers are on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from maade_np.tables import TableError, download
from maade_np.tables.download import FILES, OfficialFile

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
QUICK = {"pause": 0.0, "timeout": 5.0}


class Server(ThreadingHTTPServer):
    """Serves `content` at /file; each request is recorded and may be answered by a fault."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True
        self.etag: str | None = None
        self.seen: list[dict[str, str]] = []
        self.faults: list[Callable[[Handler], None] | None] = []  # for one request each

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers.items()))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if fault is not None:
            fault(self)
        elif self.path != "/file":
            self.send_error(404)
        else:
            self.answer()

    def answer(self, stop: int | None = None, claim: int | None = None) -> None:
        """Send the content, or what was asked of it, up to `stop`; claim another length."""
        content, start = self.server.content, 0
        asked = self.headers.get("Range") if self.server.ranges else None
        if asked and self.headers.get("If-Range", self.server.etag) == self.server.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(claim or len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:stop])


def breaks_off(after: int) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(stop=after)


def status(code: int, **headers: str) -> Callable[[Handler], None]:
    def fault(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    known = OfficialFile("a.tfrecord", server.url, 300_000, hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(FILES, "test", known)
    monkeypatch.setattr(download, "_WORTH_IT", 50_000)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ranges(server: Server) -> list[str | None]:
    return [headers.get("Range") for headers in server.seen]


def test_a_file_arrives(server: Server, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    path = download.download("test", tmp_path, progress=lambda *c: calls.append(c), **QUICK)
    assert path == tmp_path / "a.tfrecord"
    assert path.read_bytes() == CONTENT
    assert calls[-1] == (300_000, 300_000)
    assert calls == sorted(calls)
    assert ranges(server) == [None]
    assert download.download("test", tmp_path) == path  # there already: nothing is asked
    assert len(server.seen) == 1
    assert names(tmp_path) == ["a.tfrecord"]


def test_it_goes_on_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.faults = [breaks_off(100_000), breaks_off(100_500), None]
    path = download.download("test", tmp_path, **QUICK)
    assert path.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-", "bytes=100500-"]


def test_a_part_of_an_earlier_call_is_used(server: Server, tmp_path: Path) -> None:
    server.faults = [breaks_off(12_345)]
    with pytest.raises(TableError, match=r"1 attempts failed.*12,345 bytes are kept") as error:
        download.download("test", tmp_path, attempts=1, **(QUICK | {"timeout": 1.0}))
    assert "the connection ended after 12,345 of 300,000 bytes" in str(error.value)
    assert names(tmp_path) == ["a.tfrecord.part"]
    assert download.download("test", tmp_path, **QUICK).read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=12345-"]
    assert names(tmp_path) == ["a.tfrecord"]


def test_a_complete_part_is_recognised(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.tfrecord.part").write_bytes(CONTENT)
    assert download.download("test", tmp_path, **QUICK).read_bytes() == CONTENT
    assert ranges(server) == ["bytes=300000-"]


@pytest.mark.parametrize("part", [CONTENT + b"more", OTHER[:1000][::-1], OTHER])
def test_a_part_of_something_else_is_fetched_anew(
    server: Server, tmp_path: Path, part: bytes
) -> None:
    (tmp_path / "a.tfrecord.part").write_bytes(part)
    assert download.download("test", tmp_path, **QUICK).read_bytes() == CONTENT
    assert ranges(server)[-1] is None


def test_a_server_that_ignores_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.faults = [breaks_off(200_000)]
    assert download.download("test", tmp_path, **QUICK).read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=200000-"]


def test_a_file_that_changes_on_the_server_is_not_mixed(server: Server, tmp_path: Path) -> None:
    """The first attempt meets another version; If-Range keeps the second from continuing it."""
    server.content, server.etag = OTHER, '"1"'

    def changes(handler: Handler) -> None:
        handler.answer(stop=200_000)
        server.content, server.etag = CONTENT, '"2"'

    server.faults = [changes]
    assert download.download("test", tmp_path, **QUICK).read_bytes() == CONTENT
    assert [h.get("If-Range") for h in server.seen] == [None, '"1"']


def test_a_range_that_was_not_asked_for(server: Server, tmp_path: Path) -> None:
    def wrong(handler: Handler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 5-9/300000")
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"wrong")

    server.faults = [breaks_off(200_000), wrong]
    assert download.download("test", tmp_path, **QUICK).read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=200000-", None]


def test_wrong_bytes_are_refused(server: Server, tmp_path: Path) -> None:
    server.content = OTHER
    with pytest.raises(TableError, match="have SHA-256") as error:
        download.download("test", tmp_path, **QUICK)
    assert hashlib.sha256(OTHER).hexdigest() in str(error.value)
    assert hashlib.sha256(CONTENT).hexdigest() in str(error.value)
    assert names(tmp_path) == []
    (tmp_path / "a.tfrecord").write_bytes(OTHER)
    with pytest.raises(TableError, match="remove it"):
        download.download("test", tmp_path, **QUICK)
    assert (tmp_path / "a.tfrecord").read_bytes() == OTHER  # not ours to delete


def test_wrong_lengths(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.faults = [lambda handler: handler.answer(claim=400_000)] * 4
    with pytest.raises(TableError, match=r"3 attempts failed.*300,000 of 400,000 bytes"):
        download.download("test", tmp_path, attempts=3, **QUICK)
    assert len(server.seen) == 4  # the first one brought something
    server.faults = [lambda handler: handler.answer(claim=10**9)]
    (tmp_path / "a.tfrecord.part").unlink()
    with pytest.raises(TableError, match="has 1,000,000,000 bytes, expected about 300,000"):
        download.download("test", tmp_path, **QUICK)
    server.content = b"<html>an error page</html>"
    with pytest.raises(TableError, match="its 26 bytes have SHA-256"):
        download.download("test", tmp_path, **QUICK)


def test_an_endless_answer_is_cut(server: Server, tmp_path: Path) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(bytes(100_000))
        except OSError:
            pass

    server.faults = [endless]
    with pytest.raises(TableError, match=r"more than .* bytes"):
        download.download("test", tmp_path, **QUICK)
    assert len(server.seen) == 1


@pytest.mark.parametrize("code", [400, 403, 404, 410, 501])
def test_a_refusal_is_final(server: Server, tmp_path: Path, code: int) -> None:
    server.faults = [status(code)]
    with pytest.raises(TableError, match=rf"the server answered {code} .*: check the address"):
        download.download("test", tmp_path, **QUICK)
    assert len(server.seen) == 1


def test_a_busy_server_is_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    server.faults = [status(503), status(429), status(500)]
    assert download.download("test", tmp_path, timeout=5).read_bytes() == CONTENT
    assert pauses == [1, 2, 4]
    (tmp_path / "a.tfrecord").unlink()
    server.faults = [status(503)] * 50
    with pytest.raises(TableError, match=r"9 attempts failed, .* 503"):
        download.download("test", tmp_path, timeout=5, attempts=9, pause=1)
    assert pauses[3:] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_redirects(server: Server, tmp_path: Path) -> None:
    server.faults = [status(302, Location="/file"), breaks_off(90_000)]
    server.faults += [status(307, Location=server.url), None]
    elsewhere = server.url.replace("/file", "/moved")
    assert download.download("test", tmp_path, url=elsewhere, **QUICK).read_bytes() == CONTENT
    assert ranges(server) == [None, None, "bytes=90000-", "bytes=90000-"]
    (tmp_path / "a.tfrecord").unlink()
    server.faults = [status(302, Location="/file")] * 50
    with pytest.raises(TableError, match="302"):
        download.download("test", tmp_path, **QUICK)
    server.faults = [status(302, Location="file:///etc/hosts")]
    with pytest.raises(TableError, match="302"):
        download.download("test", tmp_path, **QUICK)


def test_nobody_answers(tmp_path: Path, server: Server) -> None:
    silent = Server()  # never serves
    url = silent.url
    try:
        with pytest.raises(TableError, match=r"2 attempts failed.*timed out"):
            download.download("test", tmp_path, url=url, attempts=2, timeout=0.1, pause=0)
    finally:
        silent.server_close()
    with pytest.raises(TableError, match="2 attempts failed"):
        download.download("test", tmp_path, url=url, attempts=2, timeout=1, pause=0)


def test_no_space(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = download.shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(TableError, match="300,000 bytes are to come, 1,000 are free"):
        download.download("test", tmp_path, **QUICK)


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="unknown file 'half': there are only108, full"):
        download.download("half", tmp_path)
    with pytest.raises(TableError, match="no folder"):
        download.download("full", tmp_path / "none")
    for url in ("ftp://127.0.0.1/a", "file:///etc/hosts", "nonsense", "http://[1"):
        with pytest.raises(TableError, match="no address"):
            download.download("full", tmp_path, url=url)
