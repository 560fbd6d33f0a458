"""Programs in an image, without a container engine: what they are, what they see, what they can write."""

import json
import os
import stat
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from base_image import USER, VARIABLES, make

from nova_spi.artifacts.media_types import LAYER_TAR
from nova_spi.images.layers import Entry

LOOK = """
import json, os, sys
def names(folder):
    return sorted(os.listdir(folder))
print(json.dumps({name: eval(code) for name, code in ASKED.items()}))
"""


def look(images, asked, **more):
    """What a Python program in the image finds."""
    answer, log = images.python(f"ASKED = {asked!r}\n{LOOK}", **more)
    assert answer["outcome"]["exit_code"] == 0, log
    return json.loads(log)


def test_python_runs_as_the_user_and_with_the_variables_of_the_image(images):
    asked = {"user": "[os.getuid(), os.geteuid(), os.getgid()]", "prefix": "sys.prefix", "here": "os.getcwd()"}
    asked["variables"] = "sorted(set(os.environ) - {'LC_CTYPE'})"
    found = look(images, asked)
    assert found == {"user": [USER] * 3, "prefix": "/opt/model", "here": "/app", "variables": sorted(VARIABLES)}


def test_the_environment_says_what_the_image_is(images, base_image):
    answer, _ = images.run()
    found = answer["environment"]
    assert found["python"] == "/opt/model/bin/python"
    assert found["version"] == ".".join(map(str, sys.version_info[:3]))
    assert (found["user"], found["variables"], found["digest"]) == (USER, VARIABLES, base_image.image.manifest)
    assert images.run()[0]["environment"]["cached"] is True


def test_only_the_images_files_are_seen(images):
    asked = {"/": "names('/')", "home": "names('/home')", "etc": "names('/etc')", "app": "names('/app')"}
    asked |= {"dev": "names('/dev')", "sys": "names('/sys')", "run": "names('/run')"}
    found = look(images, asked, mounts=[])
    assert found["/"] == sorted(
        [*("app", "bin", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "run", "sys", "tmp", "usr", "var")]
    )
    assert (found["home"], found["app"], found["sys"]) == (["model"], ["inputs", "plain.txt", "tool"], ["devices"])
    assert found["etc"] == ["hostname", "hosts", "passwd", "resolv.conf"]
    assert set(found["dev"]) == {
        *("fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero")
    }


@pytest.mark.parametrize("place", ["/root", "/var/tmp", str(Path.home()), sys.prefix, __file__, "/etc/shadow", "/boot"])
def test_files_of_the_machine_are_out_of_reach(images, place):
    found = look(images, {"there": f"os.path.lexists({place!r})"})
    assert found == {"there": False}


def test_a_secret_of_the_machine_is_reached_by_no_way(images):
    secret = images.own(images.folder / "secret.txt", "the secret")
    program = f"""
import os
ways = [{str(secret)!r}, '../' * 20 + {str(secret)[1:]!r}, '/proc/1/root' + {str(secret)!r},
        '/proc/self/root' + {str(secret)!r}, '/proc/1/cwd/secret.txt']
os.symlink({str(secret)!r}, 'link')
for way in [*ways, 'link']:
    try: print(open(way).read())
    except OSError as error: print('blocked')
try: os.link({str(secret)!r}, 'hard')
except OSError: print('blocked')
"""
    assert images.python(program)[1].split() == ["blocked"] * 7


def test_only_the_mounts_and_the_memory_can_be_written(images):
    program = """
import os
places = [folder for folder, _, _ in os.walk('/') if not folder.startswith('/proc')]
written = []
for place in places:
    try:
        open(place + '/written', 'w').close()
        written.append(place)
    except OSError: pass
for path in ('/app/../etc/hosts', '/etc/passwd', os.__file__, '/opt/model/pyvenv.cfg'):
    for how in ('w', 'a', 'r+'):
        try: open(path, how); written.append(path)
        except OSError: pass
for call in (lambda: os.chmod('/etc/passwd', 0o777), lambda: os.unlink('/etc/passwd'), lambda: os.mkdir('/new'),
             lambda: os.rename('/etc', '/app/etc'), lambda: os.utime('/etc/passwd')):
    try: call(); written.append(call)
    except OSError: pass
print(sorted(written))
"""
    _, said = images.python(
        program, mounts=[(images.folder / "work", "/app", True), (images.folder / "more", "/data", False)]
    )
    assert said == "['/app', '/dev/shm', '/tmp']\n"


def test_what_is_written_into_a_mount_is_ours(images):
    answer, log = images.python("open('made', 'w').write('text')")
    assert answer["outcome"]["exit_code"] == 0, log
    made = images.folder / "work" / "made"
    assert (made.read_text(), made.stat().st_uid) == ("text", images.owner)


def test_what_only_its_owner_may_read_in_an_image_is_read_by_the_images_user(images, base_image):
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode, content in (("closed", 0o700, None), ("closed/secret", 0o600, b"read"), ("tool", 0o6755, b"x")):
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(content or b"")
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            tar.addfile(info, BytesIO(content or b""))
    layer = base_image.layout.blobs.write(buffer.getvalue(), LAYER_TAR)
    more = SimpleNamespace(descriptor=layer, diff_id=layer.digest)
    image = make(base_image.layout, base_image.python, base_image.model, more)
    found = look(images, {"text": "open('/closed/secret').read()", "mode": "os.stat('/tool').st_mode"}, image=image)
    assert found["text"] == "read"
    assert stat.S_IMODE(found["mode"]) == 0o755


@pytest.mark.parametrize(
    "name", ["/app/tool", "./tool", "linked-tool", "/bin/linked-tool", "../app/tool", "../bin/linked-tool"]
)
def test_a_script_is_found_as_the_program_will_see_it(images, name):
    answer, said = images.run(name, "word", mounts=[])
    assert answer["outcome"]["exit_code"] == 0
    assert said == "tool ['word']\n"


def test_a_program_in_a_mount_is_found_and_one_that_the_mount_covers_is_not(images):
    images.own(images.folder / "work" / "mine", "#!/usr/local/bin/python3\nprint('mine')\n").chmod(0o755)
    assert images.run("./mine")[1] == "mine\n"
    assert images.run("mine", variables={"PATH": "/app"})[1] == "mine\n"
    assert images.run("/app/tool")[0]["error"]["code"] == "engine.unavailable"


@pytest.mark.parametrize(
    "name", ["nothing", "/app/plain.txt", "/app", "/usr/bin/env", "./nothing", "/proc/self/exe", "a\0b"]
)
def test_a_program_that_is_not_in_the_image_is_named(images, name):
    error = images.run(name, mounts=[])[0]["error"]
    assert error["code"] == "engine.unavailable"
    assert "is not in the image" in error["message"]
    assert error["why"]
    assert error["mend"]


def test_mounts_lie_in_each_other_whatever_their_order(images):
    work, more = images.folder / "work", images.folder / "more"
    images.own(more / "inner.txt", "inner")
    mounts = [
        (more / "inner.txt", "/app/deep/er/file.txt", False),
        (more, "/app/deep/folder", True),
        (work, "/app", True),
        (more, "/data/sets/one", False),
        (more / "inner.txt", "/app/deep/folder/again", False),
    ]
    asked = {"file": "open('deep/er/file.txt').read()", "again": "open('/app/deep/folder/again').read()"}
    asked |= {"folder": "names('/app/deep/folder')", "one": "names('/data/sets/one')"}
    asked["written"] = "[open('deep/folder/x', 'w').close(), os.access('/data/sets/one', os.W_OK)]"
    found = look(images, asked, mounts=mounts)
    assert (found["file"], found["again"], found["folder"]) == ("inner", "inner", ["again", "inner.txt"])
    assert found["one"] == ["again", "inner.txt"]
    assert found["written"] == [None, False]
    assert (more / "x").exists()


def test_a_mount_below_a_link_stands_where_the_link_leads_inside(images):
    images.own(images.folder / "more" / "key", "value")
    mounts = [(images.folder / "more", "/var/run/secrets", False)]
    assert look(images, {"key": "open('/run/secrets/key').read()"}, mounts=mounts, work="/") == {"key": "value"}


@pytest.mark.parametrize("target", ["/tmp/deep/here", "/dev/shm/here", "/tmp"])
def test_a_mount_may_lie_in_memory(images, target):
    images.own(images.folder / "more" / "key", "value")
    mounts = [(images.folder / "more", target, False), (images.folder / "more" / "key", "/tmp/other", False)]
    mounts = mounts[:1] if target == "/tmp" else mounts
    assert look(images, {"key": f"open({target + '/key'!r}).read()"}, mounts=mounts, work="/") == {"key": "value"}


REFUSED = {
    "over the root": lambda images: (images.folder / "more", "/", False),
    "in /proc": lambda images: (images.folder / "more", "/proc/1", False),
    "over /dev": lambda images: (images.folder / "more", "/dev", False),
    "in /sys": lambda images: (images.folder / "more", "/sys/devices", False),
    "of what is not there": lambda images: (images.folder / "nothing", "/data", False),
    "a folder over a file": lambda images: (images.folder / "more", "/app/inner.txt", False),
    "a file over a folder": lambda images: (images.folder / "work" / "inner.txt", "/opt/model", False),
    "below a file": lambda images: (images.folder / "more", "/etc/passwd/below", False),
    "a name that is too long": lambda images: (images.folder / "more", "/" + "a" * 300, False),
    "through links in a circle": lambda images: (images.folder / "more", "/app/circle/x", False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mount_that_cannot_be_is_named(images, name):
    images.own(images.folder / "work" / "inner.txt", "inner")
    (images.folder / "work" / "circle").symlink_to("circle")
    answer, _ = images.python("pass", mounts=[(images.folder / "work", "/app", True), REFUSED[name](images)])
    assert answer["error"]["code"] == "engine.unavailable"
    assert "outcome" not in answer


def test_nothing_is_made_in_a_mount_that_is_only_to_be_read(images):
    mounts = [(images.folder / "work", "/app", False), (images.folder / "more", "/app/new", False)]
    answer, _ = images.python("pass", mounts=mounts)
    assert answer["error"]["code"] == "engine.unavailable"
    assert not list((images.folder / "work").iterdir())


def test_a_link_that_an_earlier_run_left_leads_no_mount_out(images):
    outside = images.folder / "outside"
    outside.mkdir()
    images.python(
        f"import os; os.symlink({str(outside)!r}, 'there'); os.symlink('../' * 20 + {str(outside)[1:]!r}, 'up')"
    )
    for name in ("there", "up"):
        mounts = [(images.folder / "work", "/app", True), (images.folder / "more", f"/app/{name}/inner", False)]
        images.python("pass", mounts=mounts)
    assert not list(outside.iterdir())


def test_names_of_hosts_are_the_machines_only_with_a_network(images):
    asked = {"hosts": "open('/etc/hosts').read()", "resolv": "open('/etc/resolv.conf').read()"}
    alone = look(images, asked)
    assert alone == {"hosts": "127.0.0.1 localhost\n::1 localhost\n", "resolv": ""}
    shared = look(images, asked, network="full")
    for name, place in (("hosts", "/etc/hosts"), ("resolv", "/etc/resolv.conf")):
        if os.access(place, os.R_OK):
            assert shared[name] == Path(place).read_text()


def test_ends_are_reported_as_they_were(images):
    assert images.python("raise SystemExit(7)")[0]["outcome"]["exit_code"] == 7
    assert images.python("import os; os.kill(os.getpid(), 11)")[0]["outcome"]["signal"] == 11
    late = images.python("import time; time.sleep(30)", timeout_seconds=0.5)[0]["outcome"]
    assert late["reason"] == "timeout"
    full = images.python("open('x', 'wb').write(b'x' * 9_000_000)", disk_bytes=4_000_000)[0]["outcome"]
    assert full["reason"] == "out_of_disk"


def test_daemons_end_with_the_program(images):
    program = "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(60)\ntime.sleep(0.1)"
    outcome = images.python(program)[0]["outcome"]
    assert (outcome["exit_code"], outcome["leftovers"]) == (0, 1)


ATTACKS = {
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "remount the root": "call(165, None, b'/', None, 32 | 4096, None)",
    "unmount": "call(166, b'/app', 2)",
    "change the root": "os.chroot('/app')",
    "a user namespace": "call(272, 0x10000000)",
    "a device": "os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))",
    "set-uid": "open('/app/x', 'w').close(); os.chmod('/app/x', 0o4755)",
    "become root": "os.setuid(0)",
    "open a tree": "call(428, -100, b'/', 1)",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_hindered_as_in_every_sandbox(images, name):
    program = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    if libc.syscall(*[ctypes.c_long(word) if isinstance(word, int) else word for word in words]) < 0:
        raise OSError(ctypes.get_errno(), 'call')
try:
    {ATTACKS[name]}
    print('open')
except OSError:
    print('blocked')
"""
    assert images.python(program)[1] == "blocked\n"


def test_what_proc_tells_of_the_machine_stays_hidden(images):
    asked = {"hidden": "[open('/proc/' + name).read() for name in ('keys', 'key-users', 'timer_list')]"}
    asked |= {"processes": "sorted(name for name in os.listdir('/proc') if name.isdigit())"}
    assert look(images, asked) == {"hidden": ["", "", ""], "processes": ["1", "2"]}


def test_no_descriptor_is_inherited_but_the_three(images):
    program = "import os\nfor n in range(256):\n    try: os.fstat(n); print(n)\n    except OSError: pass"
    assert images.python(program)[1].split() == ["0", "1", "2"]


def test_nothing_of_a_run_stays_on_the_machine(images):
    images.python("pass")
    assert str(images.place) not in Path("/proc/self/mountinfo").read_text()


def test_an_image_that_says_root_runs_as_the_usual_user(images, base_image):
    for said, expected in (("", 1000), ("0:0", 1000), ("root", 1000), ("model", USER), ("77", 77)):
        image = base_image.with_layer(Entry("x", said.encode()), user=said)
        assert images.run(image=image)[0]["environment"]["user"] == expected
    found = look(images, {"user": "os.getuid()"}, image=base_image.with_layer(Entry("x", b"root"), user="root"))
    assert found == {"user": 1000}
    error = images.run(image=base_image.with_layer(Entry("x"), user="nobody-there"))[0]["error"]
    assert error["code"] == "artifact.invalid"
