import subprocess
import sys

import pytest

import nova_spi

HEAVY = ("pydantic", "ruamel", "httpx", "rich", "click", "PIL", "av", "jsonschema", "jinja2", "platformdirs", "psutil")


def test_the_public_names_are_these():
    assert nova_spi.__all__ == [
        "ArtifactInvalid",
        "AssetUnavailable",
        "BuildFailed",
        "CatalogMetadata",
        "Container",
        "Diagnostic",
        "Draining",
        "EngineUnavailable",
        "EnvironmentFailed",
        "ExecutionError",
        "ExecutionResult",
        "ExtraMissing",
        "InputInvalid",
        "Manifest",
        "ManifestInvalid",
        "ManifestUnreadable",
        "Model",
        "ModelError",
        "NovaSpiError",
        "OutputInvalid",
        "OutputMissing",
        "Progress",
        "Project",
        "ProjectError",
        "ProjectModified",
        "QueueFull",
        "RegistryError",
        "RunCancelled",
        "RunTimeout",
        "Settings",
        "SettingsInvalid",
        "Severity",
        "TestReport",
        "UsageError",
        "ValidationReport",
        "WorkerCrashed",
        "WorkerOutOfDisk",
        "WorkerOutOfMemory",
        "WorkerUnavailable",
        "__version__",
        "catalog_metadata",
        "load",
        "read_manifest",
        "run",
        "validate",
    ]
    assert dir(nova_spi) == sorted(nova_spi.__all__)


@pytest.mark.parametrize("name", nova_spi.__all__)
def test_each_public_name_is_there_and_documented(name):
    value = getattr(nova_spi, name)
    assert name == "__version__" or value.__doc__
    assert getattr(value, "__name__", name) == {"read_manifest": "read"}.get(name, name)


def test_every_error_of_the_tree_is_public():
    from nova_spi import errors

    tree = {name for name, value in vars(errors).items() if isinstance(value, type)} - {"Any"}
    assert {name for name in tree if issubclass(getattr(errors, name), Exception)} <= set(nova_spi.__all__)


def test_the_manual_names_every_public_name():
    missing = [name for name in nova_spi.__all__ if name != "__version__" and name not in nova_spi.__doc__]
    assert missing == []


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        nova_spi.nothing_of_this_name  # noqa: B018 - asking is the test


def test_a_star_import_gives_the_public_names():
    found: dict[str, object] = {}
    exec("from nova_spi import *", found)
    assert set(nova_spi.__all__) <= set(found)


def test_importing_loads_nothing_heavy():
    code = f"import sys, nova_spi; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_loads_none_of_the_parts():
    code = "import sys, nova_spi; print(sorted(name for name in sys.modules if name.startswith('nova_spi')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['nova_spi', 'nova_spi.version']"


def test_importing_takes_little_time(record_property):
    code = "import time; start = time.perf_counter(); import nova_spi; print(time.perf_counter() - start)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    record_property("import_ms", round(min(times) * 1000, 1))
    assert min(times) < 1, "measured for the record; the figure of 80 ms is held by the benchmark"
