import hashlib
import json
import os
import threading
import time
from decimal import Decimal

import pytest
from PIL import Image

from nova_spi.errors import ExecutionError, ManifestInvalid, UsageError
from nova_spi.execution.history import history

RUNTIME = """
    from spi.utils import SPIRuntime

    spi = SPIRuntime()
    inputs = spi.parse_inputs()
    spi.logger.info("saying %s", inputs["prompt"])
    spi.write_outputs({"said": inputs["prompt"]})
"""

PLAIN = """
    import json, os

    with open(os.environ["SPI_OUTPUT_FILE"], "w") as file:
        json.dump({"said": os.environ["INPUT_PROMPT"]}, file)
    print("said it")
"""


@pytest.mark.parametrize("source", [RUNTIME, PLAIN])
def test_a_program_gets_its_input_and_gives_its_output(program, source):
    result = program(source)(inputs={"prompt": "Grüße, 世界"})
    assert result.error is None
    assert result.ok
    assert result.outputs == {"said": "Grüße, 世界"}
    assert result.command == "run"
    assert json.loads((result.folder / "outputs" / "output.json").read_text()) == {"said": "Grüße, 世界"}


def test_a_callable_is_a_function_or_a_class(model):
    source = """
        def echo(prompt):
            return {"said": prompt}

        class Echo:
            def setup(self):
                self.mark = "!"

            def predict(self, prompt):
                return prompt + self.mark
    """
    manifest = ECHO_WITH + "execution: {entry_point: {callable: 'code_of:%s'}}\n"
    made = model(manifest % "echo", code_of=source)
    assert made(inputs={"prompt": "a"}).raise_for_error().outputs == {"said": "a"}
    made.write("manifest.yml", made.root.joinpath("manifest.yml").read_text().replace(":echo", ":Echo"))
    assert made(inputs={"prompt": "a"}).raise_for_error().outputs == {"said": "a!"}


ECHO_WITH = """
inputs:
  - {name: prompt, type: string, required: true, description: What to say}
outputs:
  - {name: said, type: string, required: true, description: The same again}
"""


def test_a_command_of_a_manifest_is_run_as_it_stands(model):
    made = model(
        ECHO_WITH + "execution: {entry_point: {command: [sh, /app/say.sh, 'a b']}}\n",
    )
    made.write("say.sh", 'printf \'{"said": "%s %s"}\' "$1" "$INPUT_PROMPT" > "$SPI_OUTPUT_FILE"\n')
    assert made(inputs={"prompt": "c"}).raise_for_error().outputs == {"said": "a b c"}


def test_further_commands_have_their_own_interface(program):
    made = program(
        PLAIN.replace('"said": os.environ["INPUT_PROMPT"]', '"which": os.environ["SPI_COMMAND"]'),
        ECHO_WITH + "commands: {other: {outputs: [{name: which, type: string, required: true}]}}\n",
    )
    assert made(command="other").raise_for_error().outputs == {"which": "other"}
    with pytest.raises(UsageError, match="othr"):
        made(command="othr")


def test_the_model_works_in_a_folder_of_its_own(program):
    made = program(
        """
        import json, os, sys, pathlib

        work = pathlib.Path(os.environ["SPI_WORK_DIR"])
        assert pathlib.Path.cwd() == work, (os.getcwd(), work)
        pathlib.Path("new.txt").write_text("new")
        pathlib.Path("data/table.csv").write_text("changed")
        print(sorted(os.listdir()), sorted(os.listdir("spi")))
        facts = {name: os.environ.get(name) for name in os.environ if not name.startswith("LC_")}
        facts["prefix"] = sys.prefix
        json.dump({"said": json.dumps(facts)}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
        """
    )
    made.write("data/table.csv", "kept")
    result = made(inputs={"prompt": "x"}).raise_for_error()
    facts = json.loads(result.outputs["said"])
    assert (made.root / "data" / "table.csv").read_text() == "kept"
    assert not (made.root / "new.txt").exists()
    assert facts["HOME"].startswith(str(result.folder))
    assert facts["SPI_EXECUTION_ID"] == result.id
    assert facts["SPI_TIMEOUT_SECONDS"] == "600"
    assert facts["PYTHONPATH"].split(os.pathsep) == [facts["SPI_WORK_DIR"], f"{facts['SPI_WORK_DIR']}/spi"]
    allowed = {"PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LANG", "PWD", "SHLVL", "OLDPWD", "prefix"}
    assert {name for name in facts if not name.startswith(("SPI_", "INPUT_", "PYTHON"))} <= allowed
    for name in ("manifest.json", "manifest.yaml", "manifest.yml", "utils.py", "nova_spi_runtime"):
        assert f"'{name}'" in result.log_text()
    assert not (result.folder / "work").exists()
    assert not (result.folder / "scratch").exists()


def test_a_value_too_long_for_the_environment_comes_by_the_file(program):
    made = program(RUNTIME.replace('"saying %s", inputs["prompt"]', '"x"'))
    long = "é" * 200_000
    result = made(inputs={"prompt": long}).raise_for_error()
    assert result.outputs == {"said": long}
    assert result.record["inputs"]["prompt"]["size_bytes"] == 400_000
    assert result.record["outputs"]["said"]["sha256"] == hashlib.sha256(long.encode()).hexdigest()
    assert json.loads((result.folder / "inputs.json").read_text()) == {"prompt": long}


def test_typed_values_come_out_typed(program):
    made = program(
        """
        from spi.utils import SPIRuntime
        spi = SPIRuntime()
        spi.write_outputs(dict(price="1.10", flag=True, rows=[{"a": 1}], big=10**30))
        """,
        """
        inputs: []
        outputs:
          - {name: price, type: decimal}
          - {name: flag, type: boolean}
          - {name: rows, type: array, items: {type: object}}
          - {name: big, type: integer}
        """,
    )
    found = made().raise_for_error().outputs
    assert found == {"price": Decimal("1.10"), "flag": True, "rows": [{"a": 1}], "big": 10**30}
    assert isinstance(found["price"], Decimal)


FILES = """
inputs:
  - {name: texts, type: file, required: true, file_pattern: "*.txt", mount_path: inputs/texts}
outputs:
  - {name: copies, type: file, required: true, file_pattern: "copy_*.txt", index_padding: 2}
"""


def test_files_go_in_read_only_and_come_out_named(program, tmp_path):
    made = program(
        """
        import os, pathlib
        for number, path in enumerate(sorted(pathlib.Path("inputs/texts").iterdir())):
            print(oct(path.stat().st_mode))
            pathlib.Path(f"outputs/copy_{number + 5}.txt").write_text(path.read_text().upper())
        """,
        FILES,
    )
    sources = [tmp_path / "b.txt", tmp_path / "a.txt"]
    for source in sources:
        source.write_text(source.stem)
    out = tmp_path / "results"
    out.mkdir()
    (out / "copy_00.txt").write_text("old")
    (out / "mine.txt").write_text("mine")
    result = made(inputs={"texts": [str(one) for one in sources]}, output=out).raise_for_error()
    assert result.outputs == {"copies": [out / "copy_00.txt", out / "copy_01.txt"]}
    assert [path.read_text() for path in result.outputs["copies"]] == ["A", "B"]
    assert json.loads((out / "output.json").read_text()) == {"copies": ["copy_00.txt", "copy_01.txt"]}
    assert (out / "mine.txt").read_text() == "mine"
    assert sorted(path.name for path in out.iterdir()) == ["copy_00.txt", "copy_01.txt", "mine.txt", "output.json"]
    assert result.log_text().count("0o100444") == 2
    recorded = {one["path"]: one["sha256"] for one in result.record["inputs"]["texts"]}
    assert recorded["inputs/texts/a.txt"] == hashlib.sha256(b"a").hexdigest()


def test_inputs_json_of_a_run_runs_it_again(program, tmp_path):
    made = program("import shutil; shutil.copy('inputs/texts/a.txt', 'outputs/copy_1.txt')", FILES)
    (tmp_path / "a.txt").write_text("again")
    first = made(inputs={"texts": str(tmp_path / "a.txt")}).raise_for_error()
    second = made(inputs=json.loads((first.folder / "inputs.json").read_text())).raise_for_error()
    assert second.outputs["copies"][0].read_text() == "again"


def test_earlier_outputs_in_the_project_are_not_todays(program, tmp_path):
    made = program("pass", FILES)
    made.write("outputs/copy_1.txt", "stale")
    made.write("inputs/texts/stale.txt", "stale")
    (tmp_path / "a.txt").write_text("a")
    result = made(inputs={"texts": str(tmp_path / "a.txt")})
    assert result.error.error_code == "output.missing"


def test_outputs_in_the_project_are_ours_and_no_intrusion(program):
    made = program(PLAIN)
    made(inputs={"prompt": "a"}, output=made.root / "outputs").raise_for_error()
    made(inputs={"prompt": "b"}, output=made.root / "outputs").raise_for_error()
    assert json.loads((made.root / "outputs" / "output.json").read_text()) == {"said": "b"}


@pytest.mark.parametrize("folders", [["out0", "out1", "out2"], ["outputs", "outputs", "outputs"]])
def test_runs_of_one_project_at_once_do_not_accuse_each_other(program, folders):
    made = program(PLAIN.replace("print", "import time; time.sleep(0.4); print"))
    made(inputs={"prompt": "warm"}).raise_for_error()
    found = []
    threads = [
        threading.Thread(target=lambda out=out: found.append(made(inputs={"prompt": "x"}, output=made.root / out)))
        for out in folders
    ]
    for number, thread in enumerate(threads):
        thread.start()
        time.sleep(0.1 * number)
    for thread in threads:
        thread.join()
    assert [result.error for result in found] == [None] * 3


def test_paths_of_the_container_in_the_manifest_mean_the_run_s_own_folder(program):
    made = program(
        """
        import json, os
        found = [os.environ[name] for name in ("WEIGHTS", "LISTED", "OTHER")]
        json.dump({"said": repr(found).replace(os.environ["SPI_WORK_DIR"], "<work>")}, open("outputs/output.json", "w"))
        """,
        ECHO_WITH
        + "execution: {environment: {WEIGHTS: /app/w.bin, LISTED: '/lib:/app:/app/x', OTHER: '/apps/x /app/y'}}\n",
    )
    said = made(inputs={"prompt": "x"}).raise_for_error().outputs["said"]
    assert said == "['<work>/w.bin', '/lib:<work>:<work>/x', '/apps/x /app/y']"


@pytest.mark.parametrize("name", ["a:b", "new\nline", "ü x", "'\"$(x)\\"])
def test_a_project_may_stand_anywhere(model, name):
    entry = "execution: {entry_point: {callable: 'code_of:echo'}}\n"
    made = model(ECHO_WITH + entry, code_of="def echo(prompt): return prompt")
    made.root = made.root.rename(made.root.with_name(name))
    assert made(inputs={"prompt": "x"}).raise_for_error().outputs == {"said": "x"}


def test_config_environment_and_volumes_of_the_manifest(program):
    made = program(
        """
        import json, os, pathlib
        count = pathlib.Path("cache/count")
        number = int(count.read_text()) + 1 if count.exists() else 1
        count.write_text(str(number))
        config = json.load(open("inputs/config/config.json"))
        json.dump({"said": f"{number} {os.environ['MODE']} {config['beam']}"}, open("outputs/output.json", "w"))
        """,
        ECHO_WITH
        + """
execution:
  environment: {MODE: fast}
  config: {beam: 5}
  volumes: [{name: cache, mount_path: cache}]
""",
    )
    assert [made(inputs={"prompt": "x"}).raise_for_error().outputs["said"] for _ in range(2)] == [
        "1 fast 5",
        "2 fast 5",
    ]


def test_a_volume_elsewhere_is_a_warning(program):
    made = program(PLAIN, ECHO_WITH + "execution: {volumes: [{name: cache, mount_path: /var/cache/model}]}\n")
    result = made(inputs={"prompt": "x"}).raise_for_error()
    assert "not mounted" in result.warnings[0]


def test_assets_stand_at_their_place_read_only_and_in_the_record(program):
    made = program(
        """
        import json, os
        text = open("model/weights/w.bin").read() + open("model/tok/vocab").read()
        json.dump({"said": text}, open("outputs/output.json", "w"))
        print(oct(os.stat("model/weights/w.bin").st_mode))
        """,
        ECHO_WITH
        + """
assets:
  - {name: w, uri: "file:store/w.bin", mount_path: model/weights/w.bin}
  - {name: tok, uri: "file:store/tok/", mount_path: model/tok}
  - {name: extra, uri: "file:store/none.bin", mount_path: model/none.bin, optional: true}
""",
    )
    made.write("store/w.bin", "weights")
    made.write("store/tok/vocab", "vocab")
    result = made(inputs={"prompt": "x"}).raise_for_error()
    assert result.outputs == {"said": "weightsvocab"}
    assert "0o100444" in result.log_text()
    assert [one["name"] for one in result.record["assets"] if one["sha256"]] == ["w", "tok"]
    assert "extra" in result.warnings[0]


KEYS = set(
    """
    schema_version id status nova_spi model command manifest engine environment inputs secrets assets limits timings
    usage gpu exit leftovers outputs delivered error warnings log pid started_at finished_at
    """.split()  # noqa: SIM905  # thirty lines of quotes say less
)


def test_the_record_tells_everything_and_is_stable(program):
    made = program(RUNTIME)
    result = made(inputs={"prompt": "Hello"}).raise_for_error()
    record = json.loads((result.folder / "run.json").read_text())
    assert record == result.record
    assert set(record) == KEYS
    assert record["status"] == "succeeded"
    assert record["engine"]["name"] == "process"
    assert {one["what"] for one in record["engine"]["protections"]} >= {"memory", "network", "files", "time"}
    assert record["exit"] == {"reason": "exited", "code": 0, "signal": None}
    assert set(record["timings"]) == {"prepare", "environment", "assets", "run", "collect", "total"}
    assert record["usage"]["cpu_seconds"] > 0
    assert record["usage"]["peak_memory_bytes"] > 1_000_000
    assert record["gpu"] == "n/a"
    assert record["environment"]["digest"].startswith("sha256:")
    assert record["inputs"] == {"prompt": "Hello"}
    assert record["log"]["size_bytes"] == len(result.log_text())
    assert made.heard.logged.decode() == result.log_text()
    assert made.heard.stages[:1] == ["prepare"]


def test_the_last_twenty_stay(program):
    made = program(PLAIN)
    first = made(inputs={"prompt": "x"})
    for number in range(20):
        fake = made.root / ".nova-spi" / "runs" / f"20990101T00000{number:04d}-abcdef"
        fake.mkdir()
        (fake / "run.json").write_text('{"status": "succeeded"}')
    made(inputs={"prompt": "x"})
    left = [past.id for past in history(made.root)]
    assert first.id not in left
    assert len(left) <= 21
    assert (made.root / ".nova-spi" / ".gitignore").read_text() == "*\n"


def test_keep_leaves_the_working_folder(program):
    result = program(PLAIN)(inputs={"prompt": "x"}, keep=True)
    assert (result.folder / "work" / "run.py").exists()


def test_a_large_file_of_the_project_is_there_without_a_copy(program):
    made = program(
        "import json, os; json.dump({'said': str(os.path.getsize('big.bin'))}, open('outputs/output.json', 'w'))"
    )
    with (made.root / "big.bin").open("wb") as stream:
        stream.truncate(64 * 1024 * 1024)
    assert made(inputs={"prompt": "x"}).raise_for_error().outputs == {"said": str(64 * 1024 * 1024)}


def test_a_schema_of_an_output_is_checked(program):
    manifest = """
        inputs: []
        outputs: [{name: boxes, type: array, required: true, schema: {type: array, maxItems: 1}}]
    """
    made = program("import json; json.dump({'boxes': [1, 2]}, open('outputs/output.json', 'w'))", manifest)
    result = made()
    assert result.error.error_code == "output.invalid"
    assert result.error.details["problems"][0]["path"].startswith("boxes")
    assert (result.folder / "outputs" / "raw" / "output.json").exists()


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_is_a_positive_number(program, timeout):
    with pytest.raises(UsageError):
        program(PLAIN)(inputs={"prompt": "x"}, timeout=timeout)


def test_a_manifest_with_errors_is_not_run(model):
    made = model("inputs: 3")
    with pytest.raises(ManifestInvalid):
        made()
    assert not (made.root / ".nova-spi").exists()


def test_raise_for_error_raises_what_failed(program):
    result = program("raise SystemExit(3)")(inputs={"prompt": "x"})
    with pytest.raises(ExecutionError):
        result.raise_for_error()


def test_an_asset_whose_place_is_a_folder_stands_inside_it(program):
    made = program(
        "import json; json.dump({'said': open('model/w.bin').read()}, open('outputs/output.json', 'w'))",
        ECHO_WITH + 'assets: [{name: w, uri: "file:store/w.bin", mount_path: model}]\n',
    )
    made.write("store/w.bin", "weights")
    made.write("model/code.py", "")
    assert made(inputs={"prompt": "x"}).raise_for_error().outputs == {"said": "weights"}


def test_a_disk_that_is_smaller_than_the_manifest_asks_for_is_a_warning(program):
    made = program(PLAIN, ECHO_WITH + "execution: {resources: {disk: 900Ti}}\n")
    result = made(inputs={"prompt": "x"}).raise_for_error()
    assert "bytes of disk" in result.warnings[0]


def test_a_media_library_that_is_missing_is_an_error_with_its_record(program, tmp_path, monkeypatch):
    from nova_spi.errors import ExtraMissing

    def missing(path, mime, limits):
        raise ExtraMissing.named("media", "Pillow", "Looking into pictures")

    monkeypatch.setattr("nova_spi.interface.probing.probe_file", missing)
    made = program(
        "pass", "inputs: [{name: p, type: file, domain_specific: {image: {min_resolution: 2x2}}}]\noutputs: []\n"
    )
    Image.new("RGB", (4, 4)).save(tmp_path / "p.png")
    result = made(inputs={"p": str(tmp_path / "p.png")})
    assert result.error.error_code == "extra.missing"
    assert result.record["status"] == "failed"
    assert "nova-spi[media]" in result.error.mend
