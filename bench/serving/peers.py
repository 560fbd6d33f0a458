"""Who is compared: how each is installed, started and asked, in the way that its documentation gives for production.

Each serves `models/answering.py` with one worker. Where a server has a deadline it is set to the same seconds; where a
setting restarts a worker, or is meant for many calls, it is on. What a peer writes of each call to its log stays as it
is by default, since that is how it is run; it goes to a file.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.serving.client import Answer, Request

Model = Literal["echo", "file"]
MODELS = Path(__file__).with_name("models")
BOUNDARY = "bench-serving-boundary"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs.

    Attributes:
        folder: Its current folder, with the model's files.
        bin: The folder of its environment's programs.
        ports: Free ones; the first is HTTP's.
        model: Which of the two models.
        deadline: Seconds that a call may take, where the server has such a thing.
    """

    folder: Path
    bin: Path
    ports: tuple[int, ...]
    model: Model
    deadline: int

    @property
    def port(self) -> int:
        """Where it listens for HTTP."""
        return self.ports[0]


@dataclass(frozen=True, slots=True)
class Peer:
    """One server.

    Attributes:
        name: What tables call it.
        packages: What pip installs; none where it is our own environment.
        words: Its command.
        echo: The question that a text makes.
        file: The question that a file's bytes make.
        file_way: How a file goes there.
        health: Where it says how it is.
        well: Whether an answer from there says that it can take calls.
        worker: Where the model runs.
        deadline: What ends a call that takes too long, in words; empty where nothing does.
        settings: What is not as it comes, and where that is recommended.
        variables: Beside PATH and HOME.
        before: Files that are written before its first start.
    """

    name: str
    packages: tuple[str, ...]
    words: Callable[[Place], list[str]]
    echo: Callable[[str], Request]
    file: Callable[[bytes], Request]
    file_way: str
    health: str
    worker: str
    deadline: str
    settings: str
    well: Callable[[Answer], bool] = lambda answer: answer.status == 200
    variables: Callable[[Place], Mapping[str, str]] = lambda place: {}
    before: Callable[[Place], None] = lambda place: None
    folder: str = field(default="")

    def lay_out(self, place: Place) -> None:
        """Puts the model's files into the place, and whatever the server wants beside them."""
        shutil.copytree(MODELS / (self.folder or self.name.lower()), place.folder, dirs_exist_ok=True)
        shutil.copy(MODELS / "answering.py", place.folder)
        self.before(place)


def multipart(path: str, data: bytes, expected: bytes, name: str = "picture") -> Request:
    """A form with one file."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="picture.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Request(path, body, f"multipart/form-data; boundary={BOUNDARY}", expected)


def as_json(path: str, value: object, expected: bytes) -> Request:
    """A JSON body."""
    return Request(path, json.dumps(value).encode(), expected=expected)


def _counted(data: bytes) -> bytes:
    return b"%d bytes" % len(data)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _cog_schema(place: Place) -> None:
    """What `cog build` writes beside a model; without it Cog takes any input, unchecked."""
    given = {"prompt": {"type": "string", "title": "Prompt", "x-order": 0}}
    if place.model == "file":
        given = {"picture": {"type": "string", "title": "Picture", "format": "uri", "x-order": 0}}
    schemas = {
        "Input": {"type": "object", "title": "Input", "required": list(given), "properties": given},
        "Output": {"type": "string", "title": "Output"},
    }
    (place.folder / ".cog").mkdir(exist_ok=True)
    document = {"openapi": "3.0.2", "info": {"title": "Cog", "version": "0.1.0"}, "components": {"schemas": schemas}}
    (place.folder / ".cog" / "openapi_schema.json").write_text(json.dumps(document))


def _mlserver_settings(place: Place) -> None:
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": place.ports[0],
        "grpc_port": place.ports[1],
        "metrics_port": place.ports[2],
        "parallel_workers": 1,
    }
    (place.folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "echo", "implementation": f"{place.model}.Echo"}
    (place.folder / "model-settings.json").write_text(json.dumps(model))


def _v2(name: str, data: str, expected: bytes, **parameters: str) -> Request:
    given = {"name": name, "shape": [1], "datatype": "BYTES", "data": [data]}
    if parameters:
        given["parameters"] = parameters
    return as_json("/v2/models/echo/infer", {"inputs": [given]}, expected)


def _mlflow_save(place: Place) -> None:
    """The model as `mlflow.pyfunc.save_model` writes it; kept, since that takes seconds and is no part of a start."""
    source = b"".join(path.read_bytes() for path in sorted(place.folder.glob("*.py")))
    kept = place.bin.parent / f"saved-{place.model}-{hashlib.sha256(source).hexdigest()[:12]}"
    if not kept.is_dir():
        words = [str(place.bin / "python"), f"{place.model}.py", "saved"]
        subprocess.run(words, cwd=place.folder, check=True, capture_output=True)
        shutil.copytree(place.folder / "saved", kept)
    else:
        shutil.copytree(kept, place.folder / "saved")


def _ours(place: Place) -> dict[str, str]:
    kept = Path(os.environ.get("NOVA_SPI_CACHE_DIR", place.folder.parent / "nova-spi-cache"))
    return {"NOVA_SPI_CACHE_DIR": str(kept), "NOVA_SPI_DATA_DIR": str(place.folder / "data")}


def _manifest(place: Place) -> None:
    """Takes the manifest of the model that is served, with the deadline."""
    text = (place.folder / f"{place.model}.yml").read_text("utf-8")
    (place.folder / "manifest.yml").write_text(text.replace("DEADLINE", str(place.deadline)), "utf-8")


COG = Peer(
    name="Cog",
    packages=("cog==0.23.1", "coglet==0.23.1"),
    words=lambda place: [str(place.bin / "python"), "-m", "cog.server.http", "--host", "127.0.0.1"],
    variables=lambda place: {
        "PORT": str(place.port),
        "COG_PREDICT_TYPE_STUB": f"{place.model}.py:Echo",
        "COG_MAX_CONCURRENCY": "1",
    },
    before=_cog_schema,
    echo=lambda text: as_json("/predictions", {"input": {"prompt": text}}, text.encode()),
    file=lambda data: as_json(
        "/predictions", {"input": {"picture": f"data:application/octet-stream;base64,{_base64(data)}"}}, _counted(data)
    ),
    file_way="Base64 in a data: URI in JSON",
    health="/health-check",
    well=lambda answer: answer.status == 200 and json.loads(answer.body).get("status") in ("READY", "BUSY"),
    worker="a process of its own",
    deadline="",
    settings="the command of its images, one slot, the schema that `cog build` writes; without Docker",
)

LITSERVE = Peer(
    name="LitServe",
    packages=("litserve==0.2.19", "pyzmq==27.3.0"),
    words=lambda place: [str(place.bin / "python"), f"{place.model}.py", str(place.port), str(place.deadline)],
    echo=lambda text: as_json("/predict", {"prompt": text}, text.encode()),
    file=lambda data: as_json("/predict", {"picture": _base64(data)}, _counted(data)),
    file_way="Base64 in JSON",
    health="/health",
    worker="a process of its own",
    deadline="timeout=",
    settings='as of "Production Setup": fast_queue, log level warning, one API server; restart_workers',
)

BENTOML = Peer(
    name="BentoML",
    packages=("bentoml==1.4.39",),
    words=lambda place: [
        *(str(place.bin / "bentoml"), "serve", f"{place.model}:Echo"),
        *("--host", "127.0.0.1", "--port", str(place.port)),
    ],
    variables=lambda place: {"BENTOML_DO_NOT_TRACK": "True", "DEADLINE": str(place.deadline)},
    echo=lambda text: as_json("/predict", {"prompt": text}, text.encode()),
    file=lambda data: multipart("/predict", data, _counted(data)),
    file_way="multipart form",
    health="/readyz",
    worker="the process that speaks HTTP, below a process that watches it",
    deadline="traffic.timeout",
    settings="`bentoml serve`, workers=1",
)

MLSERVER = Peer(
    name="MLServer",
    packages=("mlserver==1.7.1", "uvloop==0.21.0"),
    words=lambda place: [str(place.bin / "mlserver"), "start", "."],
    before=_mlserver_settings,
    echo=lambda text: _v2("prompt", text, text.encode()),
    file=lambda data: _v2("picture", _base64(data), _counted(data), content_type="base64"),
    file_way="Base64 in JSON",
    health="/v2/models/echo/ready",
    worker="a process of its own",
    deadline="",
    settings="debug off, parallel_workers 1 (its default); uvloop 0.21, since it does not start with a newer one",
)

MLFLOW = Peer(
    name="MLflow",
    packages=("mlflow==3.17.2",),
    words=lambda place: [
        *(str(place.bin / "mlflow"), "models", "serve", "--model-uri", "saved", "--env-manager", "local"),
        *("--host", "127.0.0.1", "--port", str(place.port), "--workers", "1", "--timeout", str(place.deadline)),
    ],
    before=_mlflow_save,
    echo=lambda text: as_json("/invocations", {"inputs": [text]}, text.encode()),
    file=lambda data: as_json("/invocations", {"dataframe_records": [{"picture": _base64(data)}]}, _counted(data)),
    file_way="Base64 in JSON",
    health="/health",
    worker="a thread of the process that speaks HTTP",
    deadline="--timeout",
    settings="`mlflow models serve`, one worker, a model from code with type hints",
)

FASTAPI = Peer(
    name="FastAPI",
    packages=("fastapi==0.165.0", "uvicorn[standard]==0.54.0", "python-multipart"),
    words=lambda place: [
        *(str(place.bin / "uvicorn"), f"{place.model}:app", "--host", "127.0.0.1"),
        *("--port", str(place.port), "--no-access-log", "--log-level", "warning"),
    ],
    echo=lambda text: as_json("/predict", {"prompt": text}, text.encode()),
    file=lambda data: multipart("/predict", data, _counted(data)),
    file_way="multipart form",
    health="/health",
    worker="the event loop of the process that speaks HTTP: the floor",
    deadline="",
    settings="an `async def` handler on uvicorn with uvloop and httptools, no access log",
)


def _ours_words(place: Place, *more: str) -> list[str]:
    return [str(place.bin / "nova-spi"), "serve", ".", "--port", str(place.port), "--engine", "process", *more]


OURS = Peer(
    name="nova-spi",
    packages=(),
    words=_ours_words,
    variables=_ours,
    before=_manifest,
    folder="nova_spi",
    echo=lambda text: as_json("/v1/commands/run", {"prompt": text}, text.encode()),
    file=lambda data: multipart("/v1/commands/run", data, _counted(data)),
    file_way="multipart form",
    health="/readyz",
    worker="a process of its own, at the strongest isolation that the machine has",
    deadline="timeout in the manifest",
    settings="`nova-spi serve`, process engine, one worker",
)

OURS_PLAIN = Peer(
    name="nova-spi (process)",
    packages=(),
    words=lambda place: [sys.executable, "-m", "bench.serving.plain", str(place.folder), str(place.port)],
    variables=lambda place: {**_ours(place), "PYTHONPATH": str(MODELS.parents[2])},
    before=_manifest,
    folder="nova_spi",
    echo=OURS.echo,
    file=OURS.file,
    file_way=OURS.file_way,
    health=OURS.health,
    worker="a process of its own, isolated no further (level process)",
    deadline=OURS.deadline,
    settings="the same server and worker, at level process",
)

PEERS = (OURS, OURS_PLAIN, COG, LITSERVE, BENTOML, MLSERVER, MLFLOW, FASTAPI)
