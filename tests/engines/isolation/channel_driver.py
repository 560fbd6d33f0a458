"""A program that runs another one with a channel, in a thread of its own as a server does, and tells what it saw."""

CHANNEL_DRIVER = """
import json, math, os, socket, sys, threading, time
from pathlib import Path
from nova_spi.engines.port import Image, Job, Limits, Mount, Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.progress import Silent

asked = json.load(sys.stdin)
folder = Path(asked["folder"])
engine = ProcessEngine(Path(asked["cache"]), asked["level"], folder.parent)
environment, variables, more = None, {"PATH": "/usr/bin:/bin"}, {}
if asked["image"]:
    said = asked["image"]
    image = Image(said["name"], Path(said["layout"]), said["manifest"], said["config"])
    environment = engine.provide(Recipe(Path("/"), image=image), Silent())
    variables = dict(environment.variables)
    more = {"mounts": (Mount(folder / "work", Path("/app"), True),)}
ours, theirs = socket.socketpair()
ours.settimeout(30)
inode = f"socket:[{os.fstat(theirs.fileno()).st_ino}]"
job = Job(
    (asked["python"], "-c", asked["program"]), folder, Path(asked["work"]), variables, Path(asked["log"]),
    Limits(math.inf, grace_seconds=0.2), network="none", environment=environment, channel=theirs.fileno(), **more,
)
cancel, outcomes = threading.Event(), []
thread = threading.Thread(target=lambda: outcomes.append(engine.run(job, Silent(), cancel)))
thread.start()


def holders():
    found = 0
    for place in Path("/proc").glob("[0-9]*/fd"):
        try:
            found += any(str(link.readlink()) == inode for link in place.iterdir())
        except OSError:
            continue
    return found


def heard():
    try:
        return ours.recv(4096).decode()
    except TimeoutError:
        return "nothing"


answer = {}
while "seen" not in answer:
    answer["seen"] = heard()
    theirs.close()
answer["holders"] = holders()
if asked["cancel"]:
    cancel.set()
else:
    ours.sendall(b"go")
began = time.monotonic()
answer["then"] = heard()
answer["silent_after"] = time.monotonic() - began
thread.join(30)
answer["outcome"] = [outcomes[0].reason, outcomes[0].exit_code, outcomes[0].signal, outcomes[0].leftovers]
print(json.dumps(answer))
"""
