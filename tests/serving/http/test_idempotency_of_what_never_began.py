import shutil
import time
from pathlib import Path

BROKEN = Path(__file__).parent / "foreign" / "projects" / "broken"
MESSAGES = {"messages": [{"role": "user", "content": "Hello"}]}
WAITING = {"prefer": "respond-async", "idempotency-key": "a"}


def test_a_call_that_waited_in_vain_may_be_asked_again_with_its_key(begin, until, tmp_path):
    project = tmp_path / "made" / "slow"
    shutil.copytree(BROKEN, project)
    (project / "model.py").write_text("import time\ntime.sleep(1)\nraise RuntimeError('no weights')\n")
    with begin(project, ready=False) as server, server.client() as client:
        asked = time.monotonic()
        first = client.post("/v1/commands/run", json=MESSAGES, headers=WAITING)
        assert (first.status_code, time.monotonic() - asked < 30) == (202, True)
        place = first.headers["location"]
        until(lambda: client.get(place).json()["status"] == "failed")
        again = client.post("/v1/commands/run", json=MESSAGES, headers=WAITING)
        assert "idempotency-replayed" not in again.headers
        assert again.status_code == 503
