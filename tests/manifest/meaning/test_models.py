import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nova_spi.manifest.models import Command, EntryPoint, Execution, Gpu, Manifest, Model, Parameter, Resources, Restart
from nova_spi.manifest.models.quantities import is_quantity, to_bytes
from nova_spi.manifest.models.spdx import license_problem
from nova_spi.manifest.models.times import parse_time

SMALL = {"model": {"name": "a", "version": "1.0.0", "domain": "text"}, "inputs": [], "outputs": []}


def test_a_manifest_is_written_as_it_was_given(full_data):
    assert Manifest.model_validate(full_data).to_dict() == full_data


def test_what_was_not_set_is_not_written():
    assert Manifest.model_validate(SMALL).to_dict() == SMALL


def test_the_defaults_are_those_of_the_reference():
    execution = Execution()
    assert (execution.base_work_dir, execution.timeout_seconds, execution.network) == ("/app", 600, "none")
    assert (Restart().policy, Restart().max_retries, Restart().backoff_seconds) == ("no", 3, 1)
    manifest = Manifest.model_validate(SMALL)
    assert (manifest.spi_version, manifest.execution, manifest.assets, manifest.base_work_dir) == (
        "1",
        None,
        (),
        "/app",
    )
    assert Parameter(name="a", type="file").file_pattern == "*"
    assert Command().default is False


def test_models_are_frozen_and_strict():
    model = Model(name="a", version="1.0.0", domain="text")
    with pytest.raises(ValidationError):
        model.name = "b"
    with pytest.raises(ValidationError):
        Execution(timeout_seconds="60")
    with pytest.raises(ValidationError):
        Execution(unknown=1)
    assert Execution.model_validate({"x-own": {"a": None}}).to_dict() == {"x-own": {"a": None}}


def test_a_parameter_is_written_for_the_runtime():
    parameter = Parameter.model_validate({"name": "a", "type": "object", "schema": {"type": "object"}})
    assert parameter.json_schema_ == {"type": "object"}
    assert parameter.to_dict() == {"name": "a", "type": "object", "schema": {"type": "object"}}


def test_a_command_is_a_list_whatever_was_written():
    assert EntryPoint(command="python 'run me.py'").command == ("python", "run me.py")
    assert EntryPoint(command=["python"]).to_dict() == {"command": ["python"]}


def test_a_number_of_gpus_is_a_gpu():
    assert Resources(gpu=2).gpu == Gpu(count=2)


def test_whole_numbers_are_written_whole():
    assert Execution(timeout_seconds=60).to_dict() == {"timeout_seconds": 60}
    assert Execution(timeout_seconds=0.5).to_dict() == {"timeout_seconds": 0.5}


@pytest.mark.parametrize(
    ("text", "size"),
    [("24Gi", 24 << 30), ("1.5Ki", 1536), ("500M", 500_000_000), ("1e3", 1000), ("1E", 10**18), ("7", 7), (".5k", 500)],
)
def test_an_amount_is_so_many_bytes(text, size):
    assert to_bytes(text) == size
    assert Resources(memory=text, disk=text).memory_bytes == size


@pytest.mark.parametrize("text", ["", "24GB", "24 Gi", "-1", "Gi", "1e999", "24gi", "1\n"])
def test_other_text_is_no_amount(text):
    assert not is_quantity(text)
    with pytest.raises(ValueError, match="amount"):
        to_bytes(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "Ki", "Mi", "Gi", "Ti", "k", "M", "G", "T"]))
@settings(max_examples=50)
def test_whole_amounts_are_exact(number, suffix):
    assert to_bytes(f"{number}{suffix}") % max(number, 1) == 0


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "mit",
        "Apache-2.0 OR MIT",
        "LicenseRef-Ours",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "(MIT AND LicenseRef-Ours) OR BSD-3-Clause",
        "DocumentRef-a:LicenseRef-b",
    ],
)
def test_an_spdx_expression_is_a_licence(text):
    assert license_problem(text) is None


@pytest.mark.parametrize(
    "text", ["Apache 2", "MIT OR", "(", ")", "Foo", "MIT MIT", "LicenseRef-", " ", "MIT" * 400, "A\x00"]
)
def test_other_text_is_no_licence(text):
    assert license_problem(text)


@given(st.text(max_size=30))
@settings(max_examples=100)
def test_no_text_makes_the_licence_check_raise(text):
    license_problem(text)


@pytest.mark.parametrize(
    "text", ["2025-02-30T10:00:00Z", "2025-04-23", "10:00", "2025-04-23T10:00:00", "2025-04-23T25:00:00Z"]
)
def test_other_text_is_no_time(text):
    with pytest.raises(ValidationError):
        Model(name="a", version="1.0.0", domain="text", created_at=text)


@pytest.mark.parametrize("text", ["2025-04-23T10:00:00Z", "2025-04-23t10:00:00.123456+05:30", "2016-12-31T23:59:60Z"])
def test_a_time_of_rfc_3339_is_one(text):
    assert Model(name="a", version="1.0.0", domain="text", created_at=text).created_at == text
    assert parse_time(text).tzinfo is not None


@pytest.mark.parametrize("name", ["a", "a-b", "a.b_c", "1a", "a" * 63])
def test_a_model_name_is_one(name):
    assert Model(name=name, version="1.0.0", domain="text").name == name


@pytest.mark.parametrize("name", ["", "A", "a--b", "-a", "a-", "a b", "a/b", "a" * 64, "ä", "a\n"])
def test_other_text_is_no_model_name(name):
    with pytest.raises(ValidationError):
        Model(name=name, version="1.0.0", domain="text")


@pytest.mark.parametrize("version", ["1.0.0", "0.1.0", "1.0.0-rc.1", "1.0.0-0a", "10.20.30-x-y.z"])
def test_a_version_is_one(version):
    assert Model(name="a", version=version, domain="text").version == version


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0+1", "1.0.0-01", "1.0.0-", "1.0.0\n"])
def test_other_text_is_no_version(version):
    with pytest.raises(ValidationError):
        Model(name="a", version=version, domain="text")


def test_the_catalog_names_its_media_relative_to_the_project(full):
    assert full.manifest.catalog_media == ("assets/thumbnail.png", "assets/one.png", "assets/two.png")
