import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.replay import Link
from benchmarks.served import Served
from benchmarks.synthetic import synthetic_recording

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings") / "synthetic"
    synthetic_recording(4).save(folder)
    return str(folder)


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def test_requests_are_counted(recording):
    with Served(recording) as server:
        get(server.index + "package0001/")
        with pytest.raises(urllib.error.HTTPError):
            get(server.index + "stranger/")
        traffic = server.traffic()
        assert (traffic.requests, traffic.missed) == (2, ("/simple/stranger/",))
        server.reset()
        assert server.traffic().requests == 0


def test_requests_that_come_at_once_are_answered_in_order(recording):
    with Served(recording, "--delay", "5") as server:
        host, port = server.index.split("/")[2].split(":")
        names = ("package0002", "package0001", "package0003")
        with socket.create_connection((host, int(port))) as connection:
            lines = [f"GET /simple/{name}/ HTTP/1.1\r\nHost: here\r\n" for name in names]
            lines[-1] += "Connection: close\r\n"
            connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    titles = [part.partition(b"<")[0].decode() for part in received.split(b"<h1>Links for ")[1:]]
    assert tuple(titles) == names


def test_a_request_in_pieces_is_one_request(recording):
    with Served(recording) as server:
        host, port = server.index.split("/")[2].split(":")
        with socket.create_connection((host, int(port))) as connection:
            for piece in (b"GET /simple/package", b"0001/ HTTP/1.1\r\nConnection: close\r", b"\n\r\n"):
                connection.sendall(piece)
                time.sleep(0.01)
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")


def test_delays_of_requests_at_the_same_time_overlap(recording):
    with Served(recording, "--delay", "100") as server, ThreadPoolExecutor(8) as pool:
        begun = time.perf_counter()
        list(pool.map(get, [f"{server.index}package0001/"] * 8))
        assert 0.1 <= time.perf_counter() - begun < 0.6


def test_a_line_carries_no_more_than_it_can():
    line = Link(1000.0)
    assert line.departure(500, 10.0) == 10.5
    assert line.departure(500, 10.0) == 11.0
    assert line.departure(500, 20.0) == 20.5


def test_bandwidth_is_limited(recording):
    with Served(recording, "--bandwidth", "1") as server:
        begun = time.perf_counter()
        size = len(get(f"{server.index}package0001/"))
        assert time.perf_counter() - begun >= size * 8 / 1e6


def test_the_server_ends_with_its_owner(recording):
    command = [sys.executable, "-m", "benchmarks.replay", recording]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.communicate()
    assert process.returncode == 0


def test_a_recording_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ENVFIT_BENCHMARKS", str(tmp_path))
    with pytest.raises(ChildProcessError), Served("nothing"):
        pass


def test_a_client_that_leaves_does_no_harm(recording):
    async def leave(host, port):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /simple/package0001/ HTTP/1.1\r\n\r\n")
        writer.close()

    with Served(recording, "--delay", "20") as server:
        host, port = server.index.split("/")[2].split(":")
        asyncio.run(leave(host, int(port)))
        assert json.loads(get(server.index.removesuffix("simple/") + "-/counters"))["missed"] == []
        assert get(f"{server.index}package0001/")
