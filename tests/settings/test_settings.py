import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.errors import NovaSpiError, SettingsInvalid
from nova_spi.settings import MAX_FILE_BYTES, SETTINGS, Settings


def test_without_anything_every_setting_has_its_default(user):
    found = Settings.load()
    assert found.server == "https://aiportal.icvr.io"
    assert found.engine == "auto"
    assert found.registry is None
    assert found.base_image is None
    assert found.osv_url == "https://api.osv.dev"
    assert {found.origin(name) for name in SETTINGS} == {"default"}


def test_the_table_and_the_object_have_the_same_names():
    fields = [field.name for field in dataclasses.fields(Settings) if not field.name.startswith("_")]
    assert fields == list(SETTINGS)
    assert all(row.help.endswith(".") for row in SETTINGS.values())


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG variables count on Linux")
def test_folders_are_the_users_own(user):
    found = Settings.load()
    assert found.cache_dir == user / ".cache/nova-spi"
    assert found.data_dir == user / ".local/share/nova-spi"
    assert found.store == found.data_dir / "store"
    assert found.advisory_db == found.data_dir / "advisories"


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG variables count on Linux")
def test_an_option_wins_over_a_variable_over_the_project_over_the_user(user_file, project, monkeypatch):
    user_file.write_text(
        'engine = "ray"\nserver = "https://user.example"\nregistry = "user.example/m"\nbase_image = "u"\n'
    )
    (project / ".nova-spi.toml").write_text('engine = "docker"\nserver = "https://project.example"\nregistry = "p/m"\n')
    monkeypatch.setenv("NOVA_SPI_ENGINE", "process")
    monkeypatch.setenv("NOVA_SPI_SERVER", "https://variable.example/")
    found = Settings.load(project, engine="auto")
    assert (found.engine, found.origin("engine")) == ("auto", "option")
    assert (found.server, found.origin("server")) == ("https://variable.example", "NOVA_SPI_SERVER")
    assert (found.registry, found.origin("registry")) == ("p/m", str(project / ".nova-spi.toml"))
    assert (found.base_image, found.origin("base_image")) == ("u", str(user_file))


def test_a_manifest_stands_for_its_project(project):
    (project / ".nova-spi.toml").write_text('engine = "process"')
    (project / "manifest.yml").write_text("")
    assert Settings.load(project / "manifest.yml").engine == "process"


def test_an_option_of_none_and_an_empty_variable_say_nothing(monkeypatch):
    monkeypatch.setenv("NOVA_SPI_ENGINE", "")
    assert Settings.load(engine=None).engine == "auto"


def test_store_follows_data_dir_unless_it_is_set(tmp_path):
    assert Settings.load(data_dir=tmp_path).store == tmp_path / "store"
    assert Settings.load(data_dir=tmp_path, store=tmp_path / "s").store == tmp_path / "s"


def test_a_relative_path_in_a_file_starts_at_the_file(project):
    (project / ".nova-spi.toml").write_text('store = "../store"\ncache_dir = "~/c"\n')
    found = Settings.load(project)
    assert found.store == project.parent / "store"
    assert found.cache_dir == Path(os.environ["HOME"]) / "c"


def test_a_relative_path_of_an_option_starts_at_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.load(store="here").store == tmp_path / "here"


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.load().engine = "ray"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('sever = "https://x.example"', "Did you mean 'server'"),
        ("engine = 3", "a number where a string"),
        ("engine = true", "a boolean where a string"),
        ('engine = ["auto"]', "a list where a string"),
        ("[engine]\na = 1", "a table where a string"),
        ("engine = 2025-01-01", "a date where a string"),
        ('engine = "proces"', "Did you mean 'process'"),
        ('engine = ""', "empty"),
        ('server = "aiportal"', "not an http or https address"),
        ('server = "ftp://x.example"', "not an http or https address"),
        ('server = "https://x.example:99999"', "not an http or https address"),
        ('server = "https://[x"', "not an http or https address"),
        ('server = "https://me:pw@x.example"', "user name or a password"),
        ('store = "a\\u0000b"', "control characters"),
        ('store = "~nobody-of-this-name/x"', "home folder"),
        ("engine = ", "is not TOML"),
        ("engine = " + "9" * 5000, "is not TOML"),
        ('engine = "auto"\nengine = "auto"', "is not TOML"),
        ("x = " + "[" * 20000, "nested too deep"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_fault(project, text, says):
    path = project / ".nova-spi.toml"
    path.write_text(text)
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(project)
    assert str(path) in caught.value.message
    assert says in caught.value.message
    assert "pw" not in caught.value.message


def test_a_file_that_is_not_utf8_too_large_or_not_a_file_is_refused(project):
    path = project / ".nova-spi.toml"
    path.write_bytes(b'engine = "\xff"')
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        Settings.load(project)
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(SettingsInvalid, match="at most 64 KiB"):
        Settings.load(project)
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        Settings.load(project)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SettingsInvalid, match="not a regular file"):
        Settings.load(project)


def test_a_file_that_may_not_be_read_says_why(open_folder_without_rights):
    folder, without_rights = open_folder_without_rights
    path = folder / ".nova-spi.toml"
    path.write_text("")
    path.chmod(0)
    with without_rights(), pytest.raises(SettingsInvalid, match="cannot be read"):
        Settings.load(folder)


def test_a_variable_that_cannot_be_used_is_named(monkeypatch):
    monkeypatch.setenv("NOVA_SPI_ENGINE", "dokcer")
    with pytest.raises(SettingsInvalid, match=r"NOVA_SPI_ENGINE.*Did you mean 'docker'"):
        Settings.load()


def test_an_unknown_option_and_an_unknown_origin_are_errors():
    with pytest.raises(SettingsInvalid, match="Did you mean 'cache_dir'"):
        Settings.load(cache_dri="x")
    with pytest.raises(SettingsInvalid, match="unknown setting"):
        Settings.load().origin("nothing")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f'server = "{text}"'.encode()))
def test_no_bytes_of_a_file_raise_anything_but_our_error(project, data):
    (project / ".nova-spi.toml").write_bytes(data)
    try:
        server = Settings.load(project).server
    except NovaSpiError as error:
        server = error.message
    assert server.startswith(("http", str(project)))


def test_settings_load_without_pydantic():
    code = "import sys, nova_spi.settings as s; s.Settings.load(); print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_user_without_a_home_is_told_what_to_set(tmp_path):
    code = "from nova_spi.settings import Settings; print(Settings.load().cache_dir)"
    lost = "import pwd; pwd.getpwuid = lambda number: (_ for _ in ()).throw(KeyError(number)); "

    def loaded(**variables):
        words = [sys.executable, "-c", lost + code]
        return subprocess.run(words, env=variables, capture_output=True, text=True, check=False)

    assert "SettingsInvalid: There is no place for the cache folder: this user has no home." in loaded().stderr
    given = loaded(NOVA_SPI_CACHE_DIR=str(tmp_path), NOVA_SPI_DATA_DIR=str(tmp_path))
    assert given.stdout == f"{tmp_path}\n"
