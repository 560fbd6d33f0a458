"""Bytecode in images; this machine's own Python stands for the base's."""

import importlib.util
import marshal
import os
import resource
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.images import bytecode, bytecode_program, bytecode_sources
from nova_spi.images.layers import Entry

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
LIBRARY = f"usr/lib/python{MINOR}"
SITE = f"opt/model/lib/python{MINOR}/site-packages"
OF_PYTHON, OF_PACKAGES = "nova-spi: bytecode of Python", "nova-spi: bytecode"
PACKAGE = b"""
from . import decoder
NAMES = {None, "a", ..., 2, "b"}
def f(a, b=1):
    return a in {"x", "y", None}
"""
DECODER = b"""
class Decoder:
    "Decodes."
    def decode(self, text):
        return [text, "decode", 300, 1.5]
"""
MODULES = {
    "os.py": b"SEP = '/'\n",
    "json/__init__.py": PACKAGE,
    "json/decoder.py": DECODER,
    "test/test_json.py": b"",
    "json/tests/test_it.py": b"",
    "idlelib/idle.py": b"",
    "site-packages/pip.py": b"",
}


class Here:
    """Steps of a machine whose Python is the base's; counts, and may do something to what came out."""

    def __init__(self, afterwards=None, python=sys.executable, **variables):
        self.calls, self._afterwards, self._python, self._variables = 0, afterwards, python, variables

    def compile_modules(self, layout, base, platform, folder, tag):
        self.calls += 1
        argv = [self._python, "-I", "-S", str(folder / "in" / "program.py"), tag]
        done = subprocess.run(argv, env=os.environ | self._variables, capture_output=True, text=True, timeout=120)
        if self._afterwards is not None:
            self._afterwards(folder / "out")
        self.said = done.stderr
        return done.returncode == 0


class Nobody(Here):
    def compile_modules(self, layout, base, platform, folder, tag):
        self.calls += 1
        return False


class Heard:
    def __init__(self):
        self.warnings = []
        self.stage = self.advance = self.log = lambda *_: None
        self.warn = self.warnings.append


@pytest.fixture
def base(tmp_path, kit):
    tree = [Entry(f"{LIBRARY}/{path}", source) for path, source in MODULES.items()]
    return kit.make_base(tmp_path / "base", kit.python_tree(MINOR) + tree)


@pytest.fixture
def project(project, kit):
    def made(*positional, manifest=kit.MANIFEST, **options):
        return project(*positional, manifest=manifest.replace('"3.11"', f'"{MINOR}"'), **options)

    return made


def layer(layout, image, made_by, kit):
    [found] = [each for each in image.layers if each.made_by == made_by]
    return kit.read_layer(layout, found.descriptor)


def names(image):
    return [each.made_by for each in image.layers]


def test_modules_stand_compiled_where_python_looks_for_them(layout, build, project, kit):
    image = build(project(requirements="plain"), steps=Here())
    assert names(image) == [
        OF_PYTHON,
        "nova-spi: packages",
        "nova-spi: the runtime",
        OF_PACKAGES,
        "nova-spi: the project",
    ]
    library = layer(layout, image, OF_PYTHON, kit)
    assert {name for name in library if name.endswith(".pyc")} == {
        f"{LIBRARY}/__pycache__/os.{TAG}.pyc",
        f"{LIBRARY}/json/__pycache__/__init__.{TAG}.pyc",
        f"{LIBRARY}/json/__pycache__/decoder.{TAG}.pyc",
    }
    rest = layer(layout, image, OF_PACKAGES, kit)
    assert f"{SITE}/plain/__pycache__/__init__.{TAG}.pyc" in rest
    assert f"app/spi/__pycache__/utils.{TAG}.pyc" in rest
    assert f"app/spi/nova_spi_runtime/__pycache__/__main__.{TAG}.pyc" in rest
    for found in (library, rest):
        assert {(each.mode, each.uid, each.mtime) for name, each in found.items() if name.endswith(".pyc")} == {
            (0o644, 0, 0)
        }


def test_the_bytecode_is_that_of_its_source_and_python_takes_it_unchecked(layout, build, project, kit):
    found = layer(layout, build(project(), steps=Here()), OF_PYTHON, kit)
    for path, source in MODULES.items():
        each = found.get(bytecode_sources.cached_name(f"{LIBRARY}/{path}", TAG))
        if each is None:
            continue
        assert each.content[:4] == importlib.util.MAGIC_NUMBER
        assert each.content[4:8] == b"\1\0\0\0"
        assert each.content[8:16] == importlib.util.source_hash(source)
        code = marshal.loads(each.content[16:])
        assert code.co_filename == f"/{LIBRARY}/{path}"
        assert code == compile(source, f"/{LIBRARY}/{path}", "exec", dont_inherit=True)


def test_the_names_are_those_that_python_itself_uses():
    for path in ("a/b.py", "b.py", "a/b.c.py", "a/__init__.py", "a-b.py"):
        assert bytecode_sources.cached_name(path, TAG) == importlib.util.cache_from_source(path)


def test_an_edit_of_the_app_compiles_nothing_again(build, project):
    root, steps = project(requirements="plain"), Here()
    before = build(root, steps=steps)
    assert steps.calls == 2
    (root / "model.py").write_text("def predict(prompt):\n    return prompt\n")
    after = build(root, steps=steps)
    assert steps.calls == 2
    assert after.layers[:-1] == before.layers[:-1]
    assert after.digest != before.digest


def test_other_packages_leave_pythons_own_bytecode(layout, build, project, kit):
    steps = Here()
    before = build(project(), steps=steps)
    after = build(project("other", requirements="plain"), steps=steps)
    assert steps.calls == 3
    assert before.layers[0] == after.layers[0]


def test_another_base_compiles_everything(build, project, kit, tmp_path):
    steps, root = Here(), project()
    build(root, steps=steps)
    tree = [*kit.python_tree(MINOR), Entry(f"{LIBRARY}/os.py", b"SEP = 0\n")]
    build(root, steps=steps, base=str(kit.make_base(tmp_path / "second", tree)))
    assert steps.calls == 4


def test_the_same_input_gives_the_same_digest_whatever_surrounds_it(build, project, tmp_path):
    files = {f"data__{letter}_dot_txt": letter.encode() for letter in "qwerty"}
    first, second = project("here", "plain", **files), project("a/longer/place", "plain", **files)
    one = build(first, steps=Here(TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1"), layout=Layout.create(tmp_path / "one"))
    far = Layout.create(tmp_path / "somewhere" / "else")
    steps = Here(TZ="Asia/Tokyo", LC_ALL="C.UTF-8", PYTHONHASHSEED="2", PYTHONOPTIMIZE="2", MORE="x" * 9000)
    assert one.digest == build(second, steps=steps, layout=far).digest
    again = build(second, steps=Here(), layout=far, cached=False)
    assert (again.digest, again.reused) == (one.digest, 0)


def test_what_a_module_becomes_does_not_depend_on_those_beside_it(layout, build, project, kit, tmp_path):
    together = layer(layout, build(project(), steps=Here()), OF_PYTHON, kit)
    for path, source in MODULES.items():
        cached = bytecode_sources.cached_name(f"{LIBRARY}/{path}", TAG)
        if cached not in together:
            continue
        beside = [Entry(f"{LIBRARY}/aa{number}.py", MODULES["json/decoder.py"]) for number in range(9)]
        tree = [*kit.python_tree(MINOR), *beside, Entry(f"{LIBRARY}/{path}", source)]
        base = kit.make_base(tmp_path / path.replace("/", "-"), tree)
        name = f"alone-{path.replace('/', '-').removesuffix('.py').strip('_')}"
        alone = layer(layout, build(project(name), steps=Here(), base=str(base)), OF_PYTHON, kit)
        assert alone[cached].content == together[cached].content


@pytest.mark.parametrize(
    "source",
    [
        b"print 'two'\n",
        b"{{ a template }}\n",
        b"\0",
        b"# coding: nonsense\n",
        b"x = '\xff'\n",
        b"(" * 5000,
        b"return\n",
    ],
)
def test_a_file_that_does_not_compile_is_left_out_alone(layout, build, project, kit, tmp_path, source):
    tree = [*kit.python_tree(MINOR), Entry(f"{LIBRARY}/os.py", b""), Entry(f"{LIBRARY}/bad.py", source)]
    base, heard = kit.make_base(tmp_path / "with-bad", tree), Heard()
    image = build(project(), steps=Here(), base=str(base), progress=heard)
    found = {name for name in layer(layout, image, OF_PYTHON, kit) if name.endswith(".pyc")}
    assert found == {f"{LIBRARY}/__pycache__/os.{TAG}.pyc"}
    assert not heard.warnings


def test_nobody_who_can_compile_gives_the_image_without(build, project):
    root, steps = project(), Nobody()
    plain = build(root)
    assert build(root, steps=steps).digest == plain.digest
    assert build(root, steps=steps).digest == plain.digest
    assert steps.calls == 2  # once in each build, and again in the next: the machine may have been mended
    assert build(root, steps=Here()).digest != plain.digest
    assert build(root).digest == plain.digest  # and what others have made does not count


def test_a_python_that_is_another_one_compiles_nothing(layout, build, project, kit, tmp_path):
    tree = [*kit.python_tree("3.8"), Entry("usr/lib/python3.8/os.py", b"")]
    text = kit.MANIFEST.replace('"3.11"', '"3.8"')
    steps = Here()
    image = build(project(manifest=text), steps=steps, base=str(kit.make_base(tmp_path / "old", tree)))
    assert "cpython-" in steps.said
    assert not [name for name in names(image) if "bytecode" in name]


def test_a_base_without_a_library_is_looked_at_once(layout, build, project, kit, tmp_path, monkeypatch):
    base, steps, root = kit.make_base(tmp_path / "bare", kit.python_tree(MINOR)), Here(), project()
    image = build(root, steps=steps, base=str(base))
    assert OF_PYTHON not in names(image)
    assert steps.calls == 1  # for packages and runtime
    monkeypatch.setattr(bytecode, "Sources", None)
    assert build(root, steps=steps, base=str(base)).digest == image.digest


@pytest.mark.parametrize("work_dir", ["/usr", f"/{LIBRARY}/json", "/opt", f"/{SITE}"])
def test_where_the_project_may_lay_its_own_modules_nothing_is_compiled(layout, build, project, kit, work_dir):
    line = f'  python_version: "3.11"\n  base_work_dir: {work_dir}\n'
    text = kit.MANIFEST.replace('  python_version: "3.11"\n', line)
    image = build(project(requirements="plain", manifest=text), steps=Here())
    rest = [name for name in layer(layout, image, OF_PACKAGES, kit) if name.endswith(".pyc")]
    if work_dir.startswith("/usr"):
        assert OF_PYTHON not in names(image)
    else:
        assert all(name.startswith(f"{work_dir[1:]}/spi/") for name in rest)
    assert f"{work_dir[1:]}/spi/__pycache__/utils.{TAG}.pyc" in rest


def spoil(how):
    def done(out: Path):
        victim = out / "0"
        content = victim.read_bytes()
        victim.unlink()
        how(victim, content)

    return done


HOSTILE = {
    "a link": lambda path, content: path.symlink_to("/etc/passwd"),
    "a link to itself": lambda path, content: path.symlink_to(path.name),
    "a pipe": lambda path, content: os.mkfifo(path),
    "a folder": lambda path, content: path.mkdir(),
    "a second name": lambda path, content: (path.write_bytes(content), os.link(path, path.with_suffix(".more"))),
    "another file's bytes": lambda path, content: path.write_bytes(b"#!/bin/sh\n" * 10),
    "nothing": lambda path, content: path.write_bytes(b""),
    "a part of the header": lambda path, content: path.write_bytes(content[:12]),
    "another magic": lambda path, content: path.write_bytes(bytes([content[0] ^ 1]) + content[1:]),
    "a time in place of the hash": lambda path, content: path.write_bytes(content[:4] + bytes(4) + content[8:]),
    "a hash that is looked at": lambda path, content: path.write_bytes(content[:4] + b"\3\0\0\0" + content[8:]),
    "a huge file": lambda path, content: (path.write_bytes(content), os.truncate(path, bytecode.MAX_BYTES + 1)),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_is_not_bytecode_is_refused_and_all_of_it(build, project, how):
    root, heard = project(), Heard()
    plain = build(root)
    assert build(root, steps=Here(spoil(HOSTILE[how])), progress=heard).digest == plain.digest
    assert len(heard.warnings) == 2
    assert "/os.py" in str(heard.warnings) or "json" in str(heard.warnings)


def test_what_nobody_asked_for_is_not_looked_at(layout, build, project, kit):
    def more(out):
        (out / "99999").write_bytes(b"x")
        (out / "..pyc").write_bytes(b"x")
        (out / "evil.pyc").symlink_to("/etc/passwd")

    root = project()
    image = build(root, steps=Here(more))
    assert "passwd" not in str(list(layer(layout, image, OF_PYTHON, kit)))
    assert build(root, steps=Here(), cached=False).digest == image.digest


def test_too_many_modules_are_none(build, project, monkeypatch):
    monkeypatch.setattr(bytecode_sources, "MAX_SOURCES", 2)
    root, heard, steps = project(), Heard(), Here()
    assert build(root, steps=steps, progress=heard).digest == build(root).digest
    assert "too many modules" in heard.warnings[0]
    assert not steps.calls


def test_nothing_is_left_beside_the_layout(layout, build, project):
    build(project(), steps=Here())
    assert not list(layout.blobs.ingest.iterdir())


def test_bytecode_that_the_base_has_stays_its_own(layout, build, project, kit, tmp_path):
    tree = [Entry(f"{LIBRARY}/{name}.py", b"") for name in ("os", "re")]
    own = Entry(f"{LIBRARY}/__pycache__/os.{TAG}.pyc", b"its own")
    base = kit.make_base(tmp_path / "compiled", [*kit.python_tree(MINOR), *tree, own])
    found = layer(layout, build(project(), steps=Here(), base=str(base)), OF_PYTHON, kit)
    assert {name for name in found if name.endswith(".pyc")} == {f"{LIBRARY}/__pycache__/re.{TAG}.pyc"}


def test_a_module_that_is_a_link_is_left_out(layout, build, project, kit, tmp_path):
    tree = [Entry(f"{LIBRARY}/os.py", b""), Entry(f"{LIBRARY}/secret.py", PurePosixPath("/etc/passwd"))]
    base = kit.make_base(tmp_path / "linked", kit.python_tree(MINOR) + tree)
    found = layer(layout, build(project(), steps=Here(), base=str(base)), OF_PYTHON, kit)
    assert {name for name in found if name.endswith(".pyc")} == {f"{LIBRARY}/__pycache__/os.{TAG}.pyc"}


def test_a_second_build_reads_no_layer(build, project, monkeypatch):
    root = project(requirements="plain")
    first = build(root, steps=Here())
    monkeypatch.setattr(bytecode, "Sources", None)
    again = build(root, steps=Here())
    assert (again.digest, again.reused) == (first.digest, 4)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x in {1, 'a'}", False),
        ("x in {1, None}", True),
        ("def f():\n    return lambda x: x in {..., 2}", True),
        ("x in (None, ...)", False),
    ],
)
def test_sets_whose_order_older_pythons_do_not_fix_are_seen(source, found):
    assert bytecode_program._holds_unsorted_set([compile(source, "it", "exec")]) is found


@pytest.fixture
def program(tmp_path):
    """Runs the program itself on one module; returns how it ended, with what was compiled."""

    def ran(source=b"pass\n", *, folder="out", **options):
        given = tmp_path / "work" / "in"
        (given / "sources").mkdir(parents=True)
        (tmp_path / "work" / folder).mkdir()
        (given / "names").write_text("/usr/lib/it.py")
        (given / "sources" / "0").write_bytes(source)
        (given / "program.py").write_bytes(Path(bytecode_program.__file__).read_bytes())
        argv = [sys.executable, "-I", "-S", str(given / "program.py"), TAG]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, **options)
        return done, sorted(each.name for each in (tmp_path / "work" / folder).iterdir())

    return ran


def test_the_program_ends_well(program):
    done, found = program()
    assert (done.returncode, done.stderr, found) == (0, "", ["0"])


def test_where_the_machine_fails_a_module_the_program_fails(program):
    """A module that is not there must not look like one that cannot be compiled: the digest would be another one."""
    done, found = program(folder="elsewhere")
    assert (done.returncode, found) == (bytecode_program.FAILED, [])
    assert "/usr/lib/it.py" in done.stderr


def test_a_full_disk_fails_the_program_and_leaves_no_half_module(program):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))

    done, found = program(b"x = 1\n" * 50, preexec_fn=limited)
    assert done.returncode == bytecode_program.FAILED
    assert "0" not in found


def test_a_python_below_usr_local_has_its_library_there(layout, build, project, kit, tmp_path):
    tree = [
        Entry("lib/x86_64-linux-gnu/libc.so.6", kit.LIBC),
        Entry(f"usr/local/bin/python{MINOR}", b"\x7fELF", executable=True),
        Entry("usr/local/bin/python3", PurePosixPath(f"python{MINOR}")),
        Entry(f"usr/local/lib/python{MINOR}/os.py", b""),
        Entry(f"usr/lib/python{MINOR}/os.py", b""),
    ]
    image = build(project(), steps=Here(), base=str(kit.make_base(tmp_path / "local", tree)))
    found = {name for name in layer(layout, image, OF_PYTHON, kit) if name.endswith(".pyc")}
    assert found == {f"usr/local/lib/python{MINOR}/__pycache__/os.{TAG}.pyc"}
