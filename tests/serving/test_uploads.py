import asyncio
import base64
import json
import resource
import stat
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import ExecutionError, InputInvalid, UsageError
from nova_spi.interface.assembling import Text
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.accepting.intake import Intake
from nova_spi.serving.accepting.uploads import receive
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.parameters import Parameter

BOUNDARY = "-----7f3a"
TYPE = f"multipart/form-data; boundary={BOUNDARY}".encode()
GIB = 1024**3


def command(*inputs) -> ServedCommand:
    found = tuple(Parameter.from_dict(each) for each in inputs)
    return ServedCommand(
        name="run", description="", default=True, inputs=found, outputs=(), timeout_seconds=10.0, warm=True
    )


def plan(folder, served) -> Plan:
    return Plan(
        name="model",
        version="1.0.0",
        description="",
        domain="",
        project=folder,
        folder=folder,
        store=folder / "store",
        commands={served.name: served},
        engine="process",
        level="process",
        protections=(),
        cache_dir=folder,
        image=None,
        slots=(),
    )


DOCUMENTS = command(
    {"name": "prompt", "type": "string", "required": True},
    {"name": "steps", "type": "integer", "default": 20},
    {"name": "tags", "type": "array", "items": {"type": "string"}},
    {"name": "options", "type": "object", "properties": {"size": {"type": "integer"}}},
    {"name": "doc", "type": "file", "required": True},
    {
        "name": "small",
        "type": "file",
        "mime_types": ["text/plain"],
        "constraints": {"max_size_bytes": 10, "max_files": 2},
    },
)


def part(name, content, *, filename=None, kind=None, extra=()):
    said = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    headers = [f"Content-Disposition: {said}"] + ([f"Content-Type: {kind}"] if kind else []) + list(extra)
    content = content if isinstance(content, bytes) else content.encode()
    return "\r\n".join([f"--{BOUNDARY}", *headers, "", ""]).encode() + content + b"\r\n"


def body(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def chunked(data, size=7):
    for start in range(0, len(data), size):
        yield data[start : start + size]


def came(data, folder, *, size=7, served=DOCUMENTS, content_type=TYPE, most=GIB):
    return asyncio.run(receive(chunked(data, size), content_type, served, folder, most))


def files_below(folder):
    return list(folder.rglob("*")) if folder.exists() else []


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_values_are_text_or_json_and_files_are_on_disk(tmp_path, size):
    data = body(
        part("prompt", "a b"),
        part("steps", "3"),
        part("tags", '["x"]', kind="application/json"),
        part("doc", b"\r\n--" + BOUNDARY.encode()[:5] + b"\0", filename="my doc.bin", kind="application/octet-stream"),
        part("doc", "second", filename="my doc.bin"),
    )
    form = came(data, tmp_path / "in", size=size)
    assert form.values == {"prompt": "a b", "steps": "3", "tags": ["x"]}
    assert isinstance(form.values["steps"], Text)
    first, second = form.files["doc"]
    assert (first.name, second.name) == ("my doc.bin", "my doc-2.bin")
    assert first.path.read_bytes() == b"\r\n-------\0"
    assert second.path.read_text() == "second"
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "in").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\\\Users\\\\me\\\\cat.png", "cat.png"),
        ("/abs/cat.png", "abs/cat.png"),
        (".hidden", "hidden"),
        ("a%22b%0D%0A.png", 'a"b__.png'),
        ("x\x1b[31m\u202egnp.exe", "x_[31m_gnp.exe"),
        ("...", ""),
        ("n" * 400 + ".jpeg", "n" * 195 + ".jpeg"),
    ],
)
def test_a_name_leads_nowhere_else(tmp_path, sent, name):
    form = came(body(part("doc", "x", filename=sent)), tmp_path / "in")
    (file,) = form.files["doc"]
    assert file.name == name
    assert file.path.is_relative_to(tmp_path / "in")
    assert file.path.resolve() == file.path


def test_a_field_where_no_file_was_chosen_is_no_file(tmp_path):
    form = came(body(part("doc", "", filename=""), part("prompt", "a")), tmp_path / "in")
    assert form.files == {}
    assert came(body(part("doc", "", filename="empty.txt")), tmp_path / "other").files["doc"][0].name == "empty.txt"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut off"),
        (body(part("prompt", "a"))[:-6], "cut off"),
        (body(part("prompt", b"\xff")), "not text in UTF-8"),
        (body(part("tags", "[", kind="application/json")), "not JSON"),
        (body(part("prompt", "a"), part("prompt", "b")), "twice"),
        (body(part("", "a")), "no name"),
        (body(part("prompt", "a", extra=["Content-Transfer-Encoding: base64"])), "Transfer-Encoding"),
        (body(part("prompt", "a", extra=[f"X-{n}: y" for n in range(30)])), "cannot be read|too many headers"),
        (body(part("prompt", "a", extra=["X: " + "y" * 20_000])), "cannot be read|too many headers"),
        (body(*[part(f"p{n}", "a") for n in range(2001)]), "more than 2000 parts"),
        (body(*[part("doc", "a", filename="a") for n in range(1001)]), "more than 1000 files"),
        (body(part("small", "12345678901", filename="a.txt")), "larger than 10 bytes"),
    ],
)
def test_what_is_no_form_or_too_much_of_one_leaves_nothing(tmp_path, data, message):
    with pytest.raises(UsageError, match=message) as caught:
        came(
            body(part("doc", "before", filename="d"))[: -len(BOUNDARY) - 6] + data if data else data,
            tmp_path / "in",
            size=4096,
        )
    assert caught.value.error_code in ("usage.invalid", "usage.too_large")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "kind", [b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71]
)
def test_a_form_without_a_boundary_is_none(tmp_path, kind):
    with pytest.raises(UsageError, match="no boundary"):
        came(b"", tmp_path / "in", content_type=kind)


def test_many_files_within_their_own_rules_are_not_too_much(tmp_path):
    served = command({"name": "doc", "type": "file", "constraints": {"max_files": 20, "max_size_bytes": 8}})
    form = came(
        body(*[part("doc", "12345678", filename="a") for _ in range(20)]), tmp_path / "in", served=served, most=8
    )
    assert len(form.files["doc"]) == 20


def test_all_files_together_are_bounded(tmp_path):
    served = command({"name": "doc", "type": "file"})
    data = body(*[part("doc", "12345678", filename="a") for _ in range(6)])
    with pytest.raises(UsageError, match="larger than") as caught:
        came(data, tmp_path / "in", served=served, most=10)
    assert caught.value.error_code == "usage.too_large"
    assert files_below(tmp_path) == []


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), cut=st.integers(0, 400), size=st.integers(1, 50))
def test_any_bytes_give_a_form_or_one_clear_error(tmp_path_factory, data, cut, size):
    folder = tmp_path_factory.mktemp("any")
    whole = body(part("prompt", "a"), part("doc", data, filename="d"), part("tags", data, kind="application/json"))
    spoiled = whole[:cut] + data + whole[cut:]
    try:
        form = came(spoiled, folder / "in", size=size)
    except UsageError:
        assert files_below(folder) == []
    else:
        assert set(form.files) <= {"doc", "small"}


@settings(max_examples=50, deadline=None)
@given(
    contents=st.lists(st.binary(max_size=200).filter(lambda each: BOUNDARY.encode() not in each), max_size=4),
    size=st.integers(1, 300),
)
def test_what_is_sent_is_what_comes(tmp_path_factory, contents, size):
    folder = tmp_path_factory.mktemp("same")
    form = came(body(*[part("doc", each, filename="d.bin") for each in contents]), folder / "in", size=size)
    assert [file.path.read_bytes() for file in form.files.get("doc", ())] == contents


def test_a_client_that_goes_away_leaves_nothing(tmp_path):
    async def run():
        began = asyncio.Event()

        async def endless():
            yield part("doc", b"x" * 2_000_000, filename="d")
            began.set()
            await asyncio.sleep(60)

        reading = asyncio.ensure_future(receive(endless(), TYPE, DOCUMENTS, tmp_path / "in", GIB))
        await began.wait()
        assert files_below(tmp_path / "in") != []
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(run())
    assert files_below(tmp_path) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, limited_file_size):
    data = body(part("doc", b"x" * 3_000_000, filename="d"))
    with limited_file_size(1_000_000), pytest.raises(ExecutionError) as caught:
        came(data, tmp_path / "in", size=65_536)
    assert caught.value.error_code == "serving.disk_full"
    assert files_below(tmp_path) == []


@pytest.fixture
def limited_file_size():
    """Files of this process cannot grow beyond a size: to what writes them it looks as a full disk."""

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


def test_the_memory_of_a_large_upload_stays_small(tmp_path):
    size, piece = 256 * 1024 * 1024, b"\0" * 65_536

    async def sent():
        yield part("doc", b"", filename="large.bin")[:-2]
        for _ in range(size // len(piece)):
            yield piece
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    form = asyncio.run(receive(sent(), TYPE, DOCUMENTS, tmp_path / "in", GIB))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert form.files["doc"][0].path.stat().st_size == size
    assert grown < 32 * 1024  # in KiB


def accepting(work, folder, served=DOCUMENTS, **options):
    async def run():
        acceptor = Acceptor(plan(folder, served), **options)
        try:
            return await work(acceptor)
        finally:
            await acceptor.close()

    return asyncio.run(run())


def test_a_form_becomes_checked_values_and_checked_files(tmp_path):
    data = body(
        part("prompt", "a"),
        part("steps", "3"),
        part("options.size", "4"),
        part("doc", "hello", filename="d.txt"),
        part("small", b"\x89PNG\r\n\x1a\n"[:8], filename="s.bin"),
    )

    async def work(acceptor):
        return await acceptor.form(DOCUMENTS, chunked(data), TYPE, tmp_path / "in")

    values, files = accepting(work, tmp_path)
    assert json.loads(values) == {"prompt": "a", "steps": 3, "options": {"size": 4}}
    assert [file.name for file in files["doc"]] == ["d.txt"]
    assert files["doc"][0].ours
    assert "small" not in files
    assert files.warnings[0].startswith("small: s.bin is skipped")


def test_everything_that_is_wrong_with_a_form_comes_at_once_and_nothing_stays(tmp_path):
    data = body(
        part("steps", "many"),
        part("other", "x"),
        part("small", "a", filename="a.txt"),
        part("small", "b", filename="b.txt"),
        part("small", "c", filename="c.txt"),
    )

    async def work(acceptor):
        return await acceptor.form(DOCUMENTS, chunked(data), TYPE, tmp_path / "in")

    with pytest.raises(InputInvalid) as caught:
        accepting(work, tmp_path)
    problems = {each["path"]: each["message"] for each in caught.value.details["problems"]}
    assert problems["prompt"] == "is required"
    assert problems["steps"] == "must be an integer, not 'many'"
    assert problems["other"].startswith("is no input")
    assert problems["doc"] == "is required: a file"
    assert problems["small"] == "takes at most 2 files, not 3"
    assert files_below(tmp_path) == []


def document(value, folder, served=DOCUMENTS, **options):
    async def work(acceptor):
        return await acceptor.document(served, json.dumps(value).encode(), folder / "in")

    return accepting(work, folder, served, **options)


def test_files_stand_in_json_as_data_uris_or_base64(tmp_path):
    content = base64.b64encode(b"hello \xff").decode()
    values, files = document(
        {
            "prompt": "a",
            "doc": [
                f"data:application/octet-stream;name=my%20file.bin;base64,{content}",
                "data:,A%20brief%20note",
                "data:text/csv;charset=utf-8,a%2Cb",
                content,
            ],
        },
        tmp_path,
    )
    assert json.loads(values) == {"prompt": "a", "steps": 20}
    assert [(file.name, file.path.read_bytes()) for file in files["doc"]] == [
        ("my file.bin", b"hello \xff"),
        ("doc-2.txt", b"A brief note"),
        ("doc.csv", b"a,b"),
        ("doc-4", b"hello \xff"),
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/etc/passwd", "must be a data: URI"),
        ("https://example.org/cat.png", "must be a data: URI"),
        ("file:///etc/passwd", "must be a data: URI"),
        ("", "not an empty text"),
        (3, "not a number"),
        ({"url": "x"}, "not an object"),
        ("data:image/png;base64", "without a comma"),
        ("data:;base64,QUJ", "damaged base64"),
        ("data:;base64,QQ==QQ==", "goes on after its end"),
        ("data:;base64,Q UJD", "damaged base64"),
        (["data:,a", "nothing!"], "must be a data: URI"),
        (["data:,a"] * 1001, "at most 1000 files"),
    ],
)
def test_a_text_that_is_no_file_is_a_problem_of_its_input(tmp_path, value, message):
    with pytest.raises(InputInvalid, match=message) as caught:
        document({"prompt": "a", "doc": value}, tmp_path)
    (problem,) = caught.value.details["problems"]
    assert problem["path"] == ("doc[1]" if isinstance(value, list) and len(value) == 2 else "doc")
    assert files_below(tmp_path) == []


def test_a_file_in_json_is_bounded_as_any_other(tmp_path):
    with pytest.raises(UsageError, match="larger than 10 bytes") as caught:
        document({"prompt": "a", "doc": "data:,x", "small": "data:,12345678901"}, tmp_path)
    assert caught.value.error_code == "usage.too_large"
    assert files_below(tmp_path) == []


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=2000), step=st.sampled_from([4, 8, 64]), escaped=st.booleans())
def test_data_reads_back_whatever_it_is(content, step, escaped):
    from urllib.parse import quote

    from nova_spi.serving.accepting import data_uris

    served = Parameter.from_dict({"name": "doc", "type": "file"})
    text = base64.b64encode(content).decode()
    uris = [f"data:;base64,{quote(text, safe='') if escaped else text}", "data:," + quote(content, safe="")]
    before, data_uris._STEP = data_uris._STEP, step
    try:
        for uri in uris:
            assert b"".join(data_uris.opened(served, uri)[1]) == content
    finally:
        data_uris._STEP = before


def test_a_link_in_the_way_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("kept")
    intake = Intake(tmp_path / "in", DOCUMENTS, GIB)
    intake.begin(DOCUMENTS.inputs[4], "a").write(b"x")
    (tmp_path / "in" / "2").mkdir()
    with pytest.raises(ExecutionError, match="exists"):
        intake.begin(DOCUMENTS.inputs[4], "b")
    intake.end()
    assert (tmp_path / "victim").read_text() == "kept"
