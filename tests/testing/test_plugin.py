import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

STRICT = ("-W", "error")


def run(project, *words):
    """pytest in a process of its own, as it is used."""
    return project.runpytest_subprocess(*STRICT, *words, timeout=120)


def test_a_test_asks_the_model_of_its_project(project):
    project.makepyfile(
        """
        import nova_spi, pytest

        def test_it_shouts(nova_spi_model):
            assert nova_spi_model.predict(text="hi") == {"loud": "HI"}

        def test_its_errors_are_raised(nova_spi_model):
            with pytest.raises(nova_spi.ModelError, match="too loud"):
                nova_spi_model.predict(text="raise")
            assert nova_spi_model.predict(text="hi") == {"loud": "HI"}
        """
    )
    run(project).assert_outcomes(passed=2)
    assert not list(project.path.glob(".nova-spi/serving/*/"))


def test_the_model_is_loaded_once_for_the_session(project):
    for name in ("one", "two"):
        project.makepyfile(
            **{f"test_{name}": "SEEN = []\ndef test_it(nova_spi_model, request):\n    print('id', id(nova_spi_model))"}
        )
    result = run(project, "-s")
    result.assert_outcomes(passed=2)
    assert len({line for line in result.outlines if "id " in line for line in [line.partition("id ")[2]]}) == 1


def test_an_option_names_another_project(project):
    elsewhere = project.path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(project.path / "manifest.yml", elsewhere)
    shutil.move(project.path / "shouting.py", elsewhere)
    project.makepyfile("def test_it(nova_spi_model): assert nova_spi_model.predict(text='a') == {'loud': 'A'}")
    run(project, "--nova-spi-project", "elsewhere").assert_outcomes(passed=1)


def test_the_ini_file_names_another_project_from_its_own_folder(project):
    (project.path / "models").mkdir()
    shutil.move(project.path / "manifest.yml", project.path / "models")
    shutil.move(project.path / "shouting.py", project.path / "models")
    tests = project.path / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text("def test_it(nova_spi_model): assert nova_spi_model.commands == ('run',)\n")
    project.makeini("[pytest]\nnova_spi_project = models\n")
    run(project, "tests").assert_outcomes(passed=1)


def test_a_project_says_how_its_model_is_loaded(project):
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def nova_spi_options():
            return {"workers": 2, "engine": "process"}
        """
    )
    project.makepyfile("def test_it(nova_spi_model): assert len(nova_spi_model.health()['workers']) == 2")
    run(project).assert_outcomes(passed=1)


def test_a_model_that_cannot_be_loaded_says_why_without_our_frames(project):
    (project.path / "manifest.yml").unlink()
    project.makepyfile("def test_it(nova_spi_model): pass")
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*manifest.unreadable*", "mend: *"])
    result.stdout.no_fnmatch_line("*loading.py*")


def test_a_test_that_asks_for_no_model_loads_nothing_of_ours(project):
    project.makepyfile(
        """
        import sys

        def test_it():
            ours = [name for name in sys.modules if name.startswith("nova_spi")]
            assert sorted(ours) == ["nova_spi", "nova_spi.testing", "nova_spi.version"]
        """
    )
    run(project).assert_outcomes(passed=1)


def test_the_plug_in_is_found_by_its_entry_point():
    found = [point for point in entry_points(group="pytest11") if point.name == "nova_spi"]
    if not found:
        pytest.skip("the package was installed before it had the entry point; make setup installs it anew")
    assert found[0].value == "nova_spi.testing"


def test_the_options_are_in_the_help():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert "--nova-spi-project" in done.stdout
    assert "nova_spi_project" in done.stdout
