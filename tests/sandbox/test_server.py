from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from scimport.codes import Code
from scimport.errors import StateError, UsageError
from scimport.sandbox import find_running, run_sandbox, serve_forever
from scimport.sandbox.store import FILE, Store

SERVE = """
import sys
from pathlib import Path
from scimport.sandbox import serve_forever
serve_forever(Path(sys.argv[1]), on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


def test_a_sandbox_leaves_nothing_running(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.enumerate()
    with run_sandbox(tmp_path / "new" / "folder") as sandbox:
        client = httpx.Client(base_url=sandbox.base_url)
        health = client.get("/sandbox/health").json()
        assert (health["status"], health["pid"]) == ("ok", os.getpid())
    with pytest.raises(httpx.TransportError):
        client.get("/sandbox/health")
    client.close()
    assert threading.enumerate() == before
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [FILE]
    assert capfd.readouterr() == ("", "")


def test_requests_under_way_do_not_keep_it_from_stopping(tmp_path: Path) -> None:
    errors = []

    def wait(base_url: str) -> None:
        try:
            app = httpx.post(f"{base_url}/sandbox/apps", json={"name": "A", "target": "entra-id"}).json()
            httpx.post(f"{base_url}/sandbox/faults", json={"latency": {"seconds": 60}})
            httpx.post(app["endpoint"], json={})
        except httpx.TransportError as error:
            errors.append(error)

    began = time.monotonic()
    with run_sandbox(tmp_path) as sandbox:
        client = threading.Thread(target=wait, args=(sandbox.base_url,))
        client.start()
        time.sleep(0.3)
    client.join()
    assert time.monotonic() - began < 5


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught, run_sandbox(tmp_path, port):
            pass
    assert caught.value.problems[0].code is Code.PORT_IN_USE
    with run_sandbox(tmp_path, port) as sandbox:
        assert sandbox.base_url == f"http://127.0.0.1:{port}"


def test_data_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError) as caught, run_sandbox(tmp_path / "file"):
        pass
    assert caught.value.problems[0].code is Code.STATE_UNREACHABLE
    store = Store(tmp_path)
    store.connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StateError) as caught, run_sandbox(tmp_path):
        pass
    assert caught.value.problems[0].code is Code.STATE_TOO_NEW
    (tmp_path / FILE).write_bytes(b"not a database, but long enough to be looked at")
    with pytest.raises(StateError), run_sandbox(tmp_path):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    assert find_running(tmp_path) is None
    command = [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        presence = json.loads((tmp_path / "server.json").read_text())
        assert presence == {"url": url, "pid": process.pid}
        assert find_running(tmp_path) == url
        with pytest.raises(UsageError) as caught:
            serve_forever(tmp_path)
        assert caught.value.problems[0].code is Code.SANDBOX_RUNNING
        process.send_signal(number)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "stopped\n", "")
    assert find_running(tmp_path) is None
    assert not (tmp_path / "server.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"url": "http://127.0.0.1:9"}',
        '{"url": "http://127.0.0.1:9", "pid": 1}',
        '{"url": "http://127.0.0.1:9", "pid": "x"}',
        '{"url": "nonsense", "pid": 1}',
    ],
)
def test_a_stale_presence_is_not_believed(tmp_path: Path, content: str) -> None:
    (tmp_path / "server.json").write_text(content)
    assert find_running(tmp_path) is None


def test_another_process_at_the_address_is_not_believed(tmp_path: Path) -> None:
    with run_sandbox(tmp_path) as sandbox:
        content = {"url": sandbox.base_url, "pid": os.getppid()}
        (tmp_path / "server.json").write_text(json.dumps(content))
        assert find_running(tmp_path) is None
        (tmp_path / "server.json").write_text(json.dumps({**content, "pid": os.getpid()}))
        assert find_running(tmp_path) == sandbox.base_url


def test_importing_it_is_light() -> None:
    heavy = "{'starlette', 'uvicorn', 'sqlite3', 'asyncio'}"
    code = f"import sys, scimport.sandbox; print({heavy} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
