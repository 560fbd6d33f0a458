import json

import pytest

pytestmark = pytest.mark.usefixtures("project")


def test_validate_passes_a_good_project(call, call_json):
    status, out, _ = call("validate", "--strict")
    assert status == 0
    assert out.startswith("✓ Manifest is valid")
    _, told = call_json("validate")
    assert set(told) == {
        *("schema_version", "ok", "file", "strict", "fixed", "project_checked", "counts", "diagnostics"),
    }
    assert told["project_checked"] is True


def test_validate_shows_place_line_caret_code_and_mend(project, call):
    text = (project / "manifest.yml").read_text()
    (project / "manifest.yml").write_text(text.replace("version: 1.0.0", "verison: 1.0.0"))
    status, out, _ = call("validate", "manifest.yml")
    assert status == 1
    assert "manifest.yml:4:3: error SPI-M" in out
    assert "  verison: 1.0.0" in out
    assert "^" in out
    assert "version" in out


def test_warnings_fail_with_strict_only(project, call):
    text = (project / "manifest.yml").read_text()
    (project / "manifest.yml").write_text(text.replace("type: integer", "type: int"))
    assert call("validate")[0] == 0
    assert call("validate", "--strict")[0] == 1


def test_fix_writes_the_canonical_form_once_and_keeps_comments(project, call):
    path = project / "manifest.yml"
    path.write_text("# ours\n" + path.read_text().replace("type: integer", "type: int  # a number"[:9]))
    path.chmod(0o640)
    status, out, _ = call("validate", "--fix", "--strict")
    assert status == 0
    assert "Rewrote" in out
    fixed = path.read_text()
    assert fixed.startswith("# ours\n")
    assert "type: integer" in fixed
    assert path.stat().st_mode & 0o777 == 0o640
    assert "Rewrote" not in call("validate", "--fix")[1]
    assert path.read_text() == fixed


@pytest.mark.parametrize("suffix", [".txt", ".json", ".sarif", ".html"])
def test_a_report_takes_its_format_from_the_suffix(project, call, suffix):
    text = (project / "manifest.yml").read_text()
    (project / "manifest.yml").write_text(text.replace("domain: text", "domain: <script>"))
    report = project.parent / "reports" / f"report{suffix}"
    status, _, _ = call("validate", "--output", report)
    assert status == 1
    written = report.read_text()
    if suffix in (".json", ".sarif"):
        assert json.loads(written)
    if suffix == ".html":
        assert "<script>" not in written
        assert "&lt;script&gt;" in written


def test_a_report_of_another_suffix_is_wrong_use(project, call):
    assert call("validate", "--output", "report.pdf")[0] == 2


def test_sarif_on_standard_output(call):
    status, out, _ = call("validate", "--output-format", "sarif")
    assert status == 0
    assert json.loads(out)["version"] == "2.1.0"


def test_schema_in_every_shape(call):
    for words in ([], ["--draft", "draft-07"], ["--format", "openapi"], ["--format", "tool"], ["--manifest"]):
        status, out, _ = call("schema", *words)
        assert status == 0, words
        assert isinstance(json.loads(out), dict)
    assert json.loads(call("schema", "--command", "whisper")[1])["command"] == "whisper"
    assert call("schema", "--command", "nope")[0] == 2


def test_a_manifest_with_errors_is_told_before_anything_is_run(project, call):
    (project / "manifest.yml").write_text("model: {name: X}\n")
    for words in (["run"], ["test"], ["schema"]):
        status, _, err = call(*words)
        assert status == 1
        assert "manifest.invalid" in err
        assert "nova-spi validate" in err


def test_doctor_says_what_works_and_where_settings_come_from(call, call_json):
    status, out, _ = call("doctor")
    assert status == 0
    assert "engine process" in out
    assert "NOVA_SPI_CACHE_DIR" in out
    _, told = call_json("doctor")
    assert {check["name"] for check in told["checks"]} >= {"engine process", "interpreters", "disk", "gpu"}
    assert {setting["name"] for setting in told["settings"]} >= {"server", "engine", "cache_dir"}


def test_doctor_never_shows_a_proxys_password(call, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:3128")
    status, out, _ = call("doctor")
    assert status == 0
    assert "HTTPS_PROXY" in out
    assert "hunter2" not in out


def test_doctor_asks_registries_only_where_it_should(call_json, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens there: nothing gets out of the machine
    assert not any("registry " in check["name"] for check in call_json("doctor")[1]["checks"])
    told = {check["name"]: check for check in call_json("doctor", "--network")[1]["checks"]}
    assert told["registry docker.io"]["state"] == "missing"


def test_doctor_fails_where_something_must_be_mended(call, monkeypatch):
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", "/proc/nowhere")
    status, out, _ = call("doctor")
    assert status == 1
    assert "mend: export NOVA_SPI_CACHE_DIR" in out


def test_create_makes_a_project_and_refuses_a_folder_that_is_not_empty(tmp_path, call, call_json):
    status, told = call_json("create", "fresh", "--domain", "text", "--output-dir", tmp_path / "new")
    assert status == 0
    assert "manifest.yml" in told["files"]
    status, _, err = call("create", "fresh", "--domain", "text", "--output-dir", tmp_path / "new")
    assert status == 2
    assert "project." in err
    assert call("create", "Not A Name", "--domain", "text", "--output-dir", tmp_path)[0] == 2
    assert call("create", "no-domain")[0] == 2


def test_a_report_where_a_file_stands_for_its_folder_is_wrong_use(project, call):
    (project / "afile").touch()
    status, _, err = call("validate", "--output", "afile/report.html")
    assert status == 2
    assert "project.unwritable" in err


def test_findings_name_the_manifest_as_the_user_named_its_place(project, call, call_json):
    (project / "manifest.yml").write_text("model: {name: X}\n")
    assert call("validate")[1].startswith("manifest.yml:1:1: ")
    assert call("validate", project)[1].startswith(f"{project}/manifest.yml:1:1: ")
    assert call_json("validate")[1]["file"] == "manifest.yml"
    sarif = json.loads(call("validate", "--output-format", "sarif")[1])
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "manifest.yml"}


def test_a_project_whose_manifest_has_errors_says_that_its_files_were_not_looked_at(project, call, call_json):
    (project / "manifest.yml").write_text("model: {name: X}\n")
    assert "once the manifest itself has no errors" in call("validate")[1]
    assert "once the manifest itself" not in call("validate", "manifest.yml")[1]
    assert call_json("validate")[1]["project_checked"] is False


def test_a_folder_without_a_manifest_is_named_and_says_how_to_get_one(project, call, monkeypatch):
    (project / "empty").mkdir()
    for command in ("validate", "run", "test", "schema"):
        status, _, err = call(command, "empty")
        assert status == 2
        assert "There is no manifest in empty. [manifest.unreadable]" in err
        assert "mend: nova-spi create" in err
    monkeypatch.chdir(project / "empty")
    assert "There is no manifest in this folder." in call("run")[2]


def test_create_says_what_to_type_next(project, call):
    out = call("create", "fresh", "--domain", "text", "--output-dir", "my models")[1]
    assert "  cd 'my models/fresh'\n" in out
