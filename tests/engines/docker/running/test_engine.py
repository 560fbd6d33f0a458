import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.port import Mount, Recipe
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Silent


class Listening(Silent):
    """Lets the program go on once something of it was heard."""

    def __init__(self, signal: Path):
        self.heard = b""
        self._signal = signal

    def log(self, chunk):
        self._signal.touch()
        self.heard += chunk


def test_an_engine_that_is_only_made_asks_nothing():
    engine = DockerEngine("unix:///var/empty/nothing.sock")
    assert (engine.name, engine.level, engine.images) == ("docker", "container", "must")
    with pytest.raises(EngineUnavailable, match="No container engine answers"):
        engine.connection  # noqa: B018


def test_the_environment_is_what_the_image_says(harbour, small_image):
    found = harbour.environment
    assert (found.python, found.user, found.digest) == (Path("/opt/model/bin/python"), 1000, small_image.manifest)
    assert found.variables["PATH"].startswith("/opt/model/bin:")
    assert harbour.engine.provide(Recipe(Path("/"), image=small_image), Silent()).cached


def test_without_an_image_nothing_is_run(harbour):
    with pytest.raises(EngineUnavailable, match="there is none"):
        harbour.engine.provide(Recipe(Path("/")), Silent())
    with pytest.raises(EngineUnavailable, match="images alone"):
        harbour.run(replace(harbour.job("pass"), environment=None))


def test_a_program_works_in_its_folder_with_its_environment_and_ends(harbour):
    source = "import os,sys;print(os.getcwd(), os.environ['A'], sys.argv[1:]);open('x','w').write('y')"
    outcome = harbour.python(source, "one two", "$(three)", variables={"A": "b\nc=d"})
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("exited", 0, None)
    assert harbour.text() == "/app b\nc=d ['one two', '$(three)']\n"
    assert (harbour.work / "x").read_text() == "y"


def test_an_exit_status_and_a_signal_are_told_apart(harbour):
    assert harbour.python("raise SystemExit(3)").exit_code == 3
    outcome = harbour.python("import ctypes;ctypes.string_at(0)")
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("signalled", None, 11)


@pytest.mark.parametrize("program", ["not-there", "/not/there", "/opt/model/lib"])
def test_a_program_that_the_image_does_not_have_is_named(harbour, program):
    with pytest.raises(EngineUnavailable, match=program):
        harbour.run(harbour.job("", argv=(program, "x")))


def test_the_log_is_heard_as_it_comes_and_nothing_of_its_end_is_lost(harbour):
    listening = Listening(harbour.work / "go")
    source = (
        "import os,sys,time\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)\n"
        "while not os.path.exists('go'): time.sleep(0.01)\nsys.stdout.write('x' * 300000 + 'end')\n"
    )
    assert harbour.run(harbour.job(source), listening).reason == "exited"
    assert listening.heard == harbour.log.read_bytes()
    # Two pipes: an engine does not keep their order.
    assert listening.heard.replace(b"err\n", b"") == b"out\n" + b"x" * 300000 + b"end"


def test_a_program_that_closes_its_output_runs_on(harbour):
    source = "import os,time\nos.close(1)\nos.close(2)\ntime.sleep(0.5)\nopen('x','w')\nraise SystemExit(7)"
    assert harbour.python(source).exit_code == 7
    assert (harbour.work / "x").exists()


def test_what_it_used_is_in_the_outcome(harbour):
    source = "import time\nx = bytearray(100_000_000)\nt = time.monotonic()\nwhile time.monotonic() < t + 1: pass"
    outcome = harbour.python(source, limits={"memory_bytes": 400 << 20})
    assert 100_000_000 < outcome.peak_memory_bytes < 200_000_000
    assert 0.3 < outcome.cpu_seconds < 3
    assert 1 <= outcome.wall_seconds < 20


def test_mounts_lie_in_each_other_and_are_read_only_where_they_say_so(harbour, tmp_path):
    data, inner, one = tmp_path / "da,ta", tmp_path / "in ner", tmp_path / "file"
    for folder in (data, inner):
        folder.mkdir()
    (data / "a").write_text("1")
    (inner / "b").write_text("2")
    one.write_text("3")
    (harbour.work / "data" / "inner").mkdir(parents=True)
    (data / "inner").mkdir()
    (harbour.work / "one").touch()
    mounts = (
        Mount(inner, Path("/app/data/inner")),
        Mount(data, Path("/app/data")),
        Mount(one, Path("/app/one")),
        Mount(one, Path("/data/elsewhere")),
    )
    source = (
        "import os\nprint(*(open(f).read() for f in ('data/a','data/inner/b','one','/data/elsewhere')))\n"
        "for f in ('data/x','data/inner/x','one','/data/elsewhere'):\n"
        "  try: open(f,'w'); print('wrote', f)\n"
        "  except OSError as e: print(e.errno)\n"
    )
    harbour.python(source, mounts=mounts)
    assert harbour.text().split() == ["1", "2", "3", "3", "30", "30", "30", "30"]


def test_what_is_mounted_below_a_mount_on_this_machine_stays_out(harbour, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    outer = tmp_path / "outer"
    (outer / "below").mkdir(parents=True)
    if libc.mount(b"tmpfs", os.fsencode(outer / "below"), b"tmpfs", 0, None) != 0:
        pytest.skip("this machine does not let root mount")
    try:
        (outer / "below" / "secret").write_text("x")
        harbour.python("import os;print(os.listdir('/data/below'))", mounts=(Mount(outer, Path("/data")),))
        assert harbour.text().strip() == "[]"
    finally:
        libc.umount2(os.fsencode(outer / "below"), 2)


def test_a_mount_whose_source_is_not_there_is_named(harbour, tmp_path):
    with pytest.raises(EngineUnavailable, match="nowhere"):
        harbour.python("pass", mounts=(Mount(tmp_path / "nowhere", Path("/data")),))
    assert not (tmp_path / "nowhere").exists()


def test_the_run_folder_is_the_programs_and_then_the_callers_again(harbour, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("the caller is not root: the container runs as the caller")
    outside = tmp_path / "outside"
    outside.write_text("x")
    (harbour.work / "deep" / "er").mkdir(parents=True)
    (harbour.work / "deep" / "er" / "mine").write_text("x")
    (harbour.work / "link").symlink_to(outside)
    os.link(outside, harbour.work / "name")
    (harbour.work / "private").write_text("x")
    (harbour.work / "private").chmod(0o600)
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "old").touch()
    source = (
        "import os\nopen('deep/er/mine','a').write('y')\nopen('private').read()\nopen('new','w')\n"
        "open('/data/x','w')\ntry: os.chmod('new', 0o4755)\nexcept PermissionError: pass\n"
        "print(os.getuid(), os.stat('new').st_uid, os.stat('name').st_uid)"
    )
    assert harbour.python(source, mounts=(Mount(volume, Path("/data"), writable=True),)).exit_code == 0
    assert harbour.text().split() == ["1000", "1000", "0"]
    assert {path.lstat().st_uid for path in harbour.work.rglob("*")} == {0}
    assert harbour.work.stat().st_uid == 0
    assert not (harbour.work / "new").stat().st_mode & stat.S_ISUID
    assert outside.stat().st_uid == 0
    assert [path.stat().st_uid for path in (volume, volume / "old", volume / "x")] == [1000, 0, 1000]


def test_secrets_are_files_that_it_can_read_and_nothing_tells_them(harbour, tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "TOKEN").write_text("hush-hush-value")
    (folder / "TOKEN").chmod(0o400)
    started = threading.Event()

    class Waiting(Silent):
        def log(self, chunk):
            started.set()

    seen = []

    def look():
        started.wait(20)
        seen.append(json.dumps(harbour.api.inspect_container(f"nova-spi-{harbour.id}")))

    looking = threading.Thread(target=look)
    looking.start()
    source = (
        "import time\nprint(len(open('/run/secrets/TOKEN').read()), flush=True)\ntime.sleep(1)\n"
        "try: open('/run/secrets/x','w')\nexcept OSError as e: print(e.errno)"
    )
    harbour.run(harbour.job(source, mounts=(Mount(folder, Path("/run/secrets")),)), Waiting())
    looking.join()
    assert harbour.text().split() == ["15", "30"]
    assert "/run/secrets" in seen[0]
    assert "hush-hush-value" not in seen[0]


def test_its_labels_say_whose_it_is(harbour):
    cancel, seen = threading.Event(), {}

    class Looking(Silent):
        def log(self, chunk):
            seen.update(harbour.api.inspect_container(f"nova-spi-{harbour.id}")["Config"]["Labels"])
            cancel.set()

    outcome = harbour.run(harbour.job("import time;print('on', flush=True);time.sleep(30)"), Looking(), cancel)
    assert outcome.reason == "cancelled"
    assert seen["dev.nova-spi.execution"] == harbour.id
    assert seen["dev.nova-spi.run"] == f"nova-spi-{harbour.id}"
    assert seen["dev.nova-spi.owner"].split()[0] == str(os.getpid())


def test_an_image_that_was_removed_from_the_engine_is_loaded_again(harbour):
    identity = next(iter(harbour.engine._ids.values()))
    harbour.api.remove_image(identity, force=True)
    assert harbour.python("pass").exit_code == 0


def test_runs_beside_each_other_do_not_meet(harbour, tmp_path):
    outcomes = {}

    def one(number):
        job = harbour.job(f"import time;time.sleep(0.3);print({number});raise SystemExit({number})")
        job = replace(job, log=tmp_path / f"log{number}", labels={"dev.nova-spi.execution": f"{harbour.id}-{number}"})
        outcomes[number] = harbour.run(job).exit_code

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes == {number: number for number in range(4)}
    assert [(tmp_path / f"log{number}").read_text() for number in range(4)] == [f"{n}\n" for n in range(4)]


def test_an_ordinary_user_is_itself_in_the_container(harbour, host, small_image, open_folder_without_rights):
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already")
    python = shutil.which("python3", path="/usr/bin:/bin")
    if python is None or subprocess.run([python, "-c", "import sys;sys.exit(sys.version_info < (3, 11))"]).returncode:
        pytest.skip("there is no Python that another user could start")
    folder = open_folder_without_rights[0]
    work = folder / "work"
    work.mkdir()
    for each in (folder, work):
        os.chown(each, 65534, 65534)
    Path(host.removeprefix("unix://")).chmod(0o666)
    program = f"""
from pathlib import Path
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.port import Environment, Image, Job, Limits, Mount
from nova_spi.progress import Silent
engine = DockerEngine({host!r})
image = Image({small_image.name!r}, Path('/nonexistent'), {small_image.manifest!r}, {small_image.config!r})
environment = Environment(Path('/opt/model/bin/python'), '', '', image=image)
words = ('/opt/model/bin/python', '-c', 'import os,time;print(os.getuid());open("x","w");time.sleep(0.5)')
folder = Path({str(folder)!r})
job = Job(words, folder, Path('/app'), {{}}, folder / 'log', Limits(20.0, memory_bytes=1 << 28), network='none',
          environment=environment, mounts=(Mount(folder / 'work', Path('/app'), writable=True),))
print(engine.run(job, Silent()), [row for row in engine.protection(job.limits, 'none') if row.what == 'kernel'])
"""
    found = subprocess.run(
        [python, "-c", program],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent"},
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
    )
    assert "reason='exited', exit_code=0" in found.stdout, found.stdout + found.stderr
    assert "your own user" in found.stdout
    assert (folder / "log").read_text().split() == ["65534"]
    assert (work / "x").stat().st_uid == 65534
