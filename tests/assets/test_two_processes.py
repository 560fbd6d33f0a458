import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

PROGRAM = """
import sys
from pathlib import Path
from types import SimpleNamespace
from nova_spi.assets.fetching import fetch
from nova_spi.assets.source import Transport
from nova_spi.progress import Silent

uri, cache, ca, digest = sys.argv[1:]
asset = SimpleNamespace(name="w", uri=uri, sha256=digest or None, size_bytes=None, credentials=None)
found = fetch(asset, root=Path("/"), cache_dir=Path(cache), secrets={}, progress=Silent(),
              transport=Transport(ca_file=Path(ca), backoff_seconds=0.01))
print(found.cached, found.sha256)
"""


def start(server, fetching, authority, digest=""):
    words = [sys.executable, "-c", PROGRAM, server.url("/w"), str(fetching.cache_dir), str(authority[1]), digest]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_two_processes_fetch_once(fetching, server, resource, content, authority):
    server.resources["/w"] = resource(content, pause=0.01)
    digest = hashlib.sha256(content).hexdigest()
    both = [start(server, fetching, authority, digest) for _ in range(2)]
    told = sorted(one.communicate(timeout=60)[0] for one in both)
    assert told == [f"False {digest}\n", f"True {digest}\n"]
    assert len(server.requests) == 1


def test_a_killed_download_goes_on_where_it_was(fetching, server, resource, content, authority):
    server.resources["/w"] = resource(content, pause=0.05)
    process = start(server, fetching, authority)
    try:
        while not any(path.stat().st_size for path in fetching.cache_dir.rglob("partial/*/content")):
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert not list(fetching.cache_dir.glob("assets/sha256/*"))
    server.resources["/w"].pause = 0
    found = fetching(server.url("/w"))
    assert found.path.read_bytes() == content
    assert server.asked("range")[-1] not in (None, "bytes=0-")
    assert not list(fetching.cache_dir.glob("assets/partial/*"))


def test_threads_of_one_process_fetch_once(fetching, server, resource, content):
    server.resources["/w"] = resource(content, pause=0.01)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: fetching(server.url("/w")), range(4)))
    assert {one.path.read_bytes() for one in found} == {content}
    assert sum(not one.cached for one in found) == 1
