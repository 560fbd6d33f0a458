import json

import pytest

pytestmark = pytest.mark.usefixtures("project")


def test_run_shows_outputs_and_leaves_them_in_a_folder(project, call):
    status, out, _ = call("run", "--input", "text=hi", "--input", "times=2")
    assert status == 0
    assert 'shout: "HI! HI!"' in out
    assert json.loads((project / "outputs" / "output.json").read_text()) == {"shout": "HI! HI!", "count": 0}


def test_run_gives_one_json_object_with_a_stable_shape(call_json):
    status, told = call_json("run", "--input", "text=hi")
    assert status == 0
    assert set(told) == {
        "schema_version",
        "ok",
        "id",
        "command",
        "outputs",
        "error",
        "warnings",
        "folder",
        "log",
        "timings",
    }
    assert told["outputs"] == {"shout": "HI!", "count": 0}
    assert told["error"] is None


def test_another_command_of_the_model_is_run_by_its_name(call_json):
    assert call_json("run", "--command", "whisper", "--input", "text=HI")[1]["outputs"] == {"whisper": "hi"}


def test_an_unknown_command_of_the_model_is_wrong_use(call):
    status, _, err = call("run", "--command", "whispr", "--input", "text=HI")
    assert status == 2
    assert "whisper" in err


def test_dotted_keys_fill_objects_and_at_reads_a_file(project, call_json):
    (project / "long.txt").write_text("from a file")
    _, told = call_json("run", "--input", "text=@long.txt", "--input", "options.mark=?")
    assert told["outputs"]["shout"] == "FROM A FILE?"


def test_a_file_input_takes_a_path_a_glob_a_folder_and_may_be_repeated(project, call_json):
    notes = project / "notes"
    notes.mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (notes / name).write_text(f"the note {name}")
    for words, count in (
        (["notes=notes/a.txt"], 1),
        (["notes=notes/*.txt"], 3),
        (["notes=notes"], 3),
        (["notes=notes/a.txt", "notes=notes/c.txt"], 2),
    ):
        options = [part for word in words for part in ("--input", word)]
        assert call_json("run", "--input", "text=x", *options)[1]["outputs"]["count"] == count, words


@pytest.mark.parametrize(
    ("name", "text"), [("in.json", '{"text": "hi", "times": 3}'), ("in.yml", "text: hi\ntimes: 3")]
)
def test_inputs_come_from_a_json_or_yaml_file(project, call_json, name, text):
    (project / name).write_text(text)
    assert call_json("run", "--input-file", name)[1]["outputs"]["shout"] == "HI! HI! HI!"
    assert call_json("run", "--input-file", name, "--input", "times=1")[1]["outputs"]["shout"] == "HI!"


def test_a_plain_yaml_word_is_read_as_its_parameter_says(project, call_json):
    (project / "in.yml").write_text("text: yes\n")
    assert call_json("run", "--input-file", "in.yml")[1]["outputs"]["shout"] == "YES!"


@pytest.mark.parametrize(
    "text", ["[1, 2]", "text: [", '{"text": "a", "text": "b"}', "\x00", "", "times: .inf", '{"times": NaN}', "hello"]
)
@pytest.mark.parametrize("name", ["in.json", "in.yml"])
def test_a_broken_input_file_is_one_clear_error(project, call, name, text):
    (project / name).write_text(text)
    status, _, err = call("run", "--input-file", name)
    assert status in (1, 2)
    assert "input.invalid" in err or "usage." in err
    assert "internal" not in err


def test_wrong_inputs_are_all_told_before_anything_runs(call):
    status, _, err = call("run", "--input", "times=many", "--input", "txet=hi")
    assert status == 1
    assert all(word in err for word in ("times", "txet", "text", "input.invalid", "mend:"))


@pytest.mark.parametrize(
    "words", [["--input", "nothing"], ["--input", "=x"], ["--input", "text=a", "--input", "text=b"]]
)
def test_words_that_are_no_inputs_are_wrong_use(call, words):
    assert call("run", *words)[0] == 2


def test_a_model_that_raises_fails_with_its_own_frames_and_its_log(call, call_json):
    status, _, err = call("run", "--input", "text=fail")
    assert status == 1
    assert all(word in err for word in ("model.error", "it would not shout", "model.py", "log:"))
    _, told = call_json("run", "--input", "text=fail")
    assert told["error"]["code"] == "model.error"
    assert told["ok"] is False


def test_a_model_that_ends_without_a_word_is_shown_by_its_logs_end(project, call):
    (project / "model.py").write_text("import os\ndef shout(**inputs):\n    print('on the way')\n    os._exit(5)\n")
    status, _, err = call("run", "--input", "text=hi")
    assert status == 1
    assert "status 5" in err
    assert "| on the way\n" in err


def test_verbose_shows_the_log_as_it_comes_and_silent_shows_nothing(call):
    assert "shouting hi" in call("run", "--input", "text=hi", "-v")[2]
    status, out, err = call("run", "--input", "text=hi", "-s")
    assert (status, out, err) == (0, "", "")


def test_a_secret_comes_from_a_file_and_never_from_a_word(project, call):
    (project.parent / "token").write_text("s3cr3t-value\n")
    status, _, _ = call("run", "--input", "text=hi", "--secret", f"SHOUTER_TOKEN=@{project.parent / 'token'}")
    assert status == 0
    status, _, err = call("run", "--input", "text=hi", "--secret", "SHOUTER_TOKEN=s3cr3t-value")
    assert status == 2
    assert "s3cr3t" not in err
    for bad in ("SHOUTER_TOKEN=@nowhere", "SHOUTER_TOKEN"):
        assert call("run", "--input", "text=hi", "--secret", bad)[0] == 2


def test_an_engine_that_is_not_there_is_status_three(call):
    status, _, err = call("run", "--input", "text=hi", "--engine", "ray")
    assert status == 3
    assert "engine.unavailable" in err


def test_the_timeout_option_wins_over_the_manifest(project, call_json):
    (project / "model.py").write_text("import time\ndef shout(**inputs):\n    time.sleep(30)\n")
    status, told = call_json("run", "--input", "text=hi", "--timeout", "0.5")
    assert status == 1
    assert told["error"]["code"] == "run.timeout"


def test_cases_run_and_their_evidence_stands_in_a_folder_each(project, call, call_json):
    status, out, _ = call("test")
    assert status == 0
    assert "2 of 2 cases passed" in out
    assert {entry.name for entry in (project / "test_outputs").iterdir()} >= {"once", "twice"}
    _, told = call_json("test", "--case", "twice")
    assert [case["name"] for case in told["cases"]] == ["twice"]


def test_a_case_that_fails_is_status_one_and_says_why(project, call):
    (project / "manifest.yml").write_text((project / "manifest.yml").read_text().replace('"HELLO!"', '"hello"', 1))
    status, out, _ = call("test")
    assert status == 1
    assert "once: ✗ Failed" in out
    assert "1 of 2 cases passed" in out


def test_an_unknown_case_is_wrong_use_with_a_did_you_mean(call):
    status, _, err = call("test", "--case", "onec")
    assert status == 2
    assert "once" in err


def test_one_run_with_inputs_of_ones_own(call):
    status, out, _ = call("test", "--input", "text=hello")
    assert status == 0
    assert "✓ Test passed" in out
    assert 'shout: "HELLO!"' in out


def test_debug_keeps_the_runs_folder_and_names_it(project, call):
    status, out, _ = call("test", "--input", "text=hello", "--debug")
    assert status == 0
    kept = list((project / ".nova-spi" / "runs").glob("*/work"))
    assert len(kept) == 1
    assert str(kept[0].parent) in out


def test_case_and_input_do_not_go_together(call):
    assert call("test", "--case", "once", "--input", "text=x")[0] == 2
    assert call("test", "--timeout", "3")[0] == 2


def test_interactive_needs_a_terminal(call):
    status, _, err = call("test", "--interactive", "--input", "text=hi")
    assert status == 2
    assert "terminal" in err


def test_a_manifest_without_cases_says_that_nothing_was_tested(project, call):
    text = (project / "manifest.yml").read_text()
    (project / "manifest.yml").write_text(text[: text.index("test_cases:")])
    status, out, _ = call("test")
    assert status == 0
    assert "nothing was tested" in out


def test_a_failing_case_says_what_was_expected_and_what_came_in_one_place(project, call):
    text = (project / "manifest.yml").read_text()
    cases = """test_cases:
  - {name: wrong, inputs: {text: hello}, expect: {equals: {shout: "HI!"}}}
  - {name: broken, inputs: {text: fail}}
  - {name: good, inputs: {text: hello}}
"""
    (project / "manifest.yml").write_text(text[: text.index("test_cases:")] + cases)
    status, out, err = call("test")
    assert status == 1
    assert "    shout: 'HELLO!' came, 'HI!' was expected\n" in out
    assert "    it failed with model.error: ValueError: it would not shout\n" in out
    assert "model.py" in out
    assert "✗ ValueError" not in err
    status, out, _ = call("-s", "test")
    assert status == 1
    assert "wrong: ✗ Failed" in out
    assert "good" not in out
    assert "cases passed" not in out


def test_silent_says_nothing_of_what_went_well(call):
    assert call("-s", "run", "--input", "text=hi") == (0, "", "")
    assert call("-s", "test") == (0, "", "")
    assert call("validate", "-s") == (0, "", "")


def test_what_a_model_raises_cannot_command_the_terminal(project, call):
    (project / "model.py").write_text(r"""def shout(**_):
    raise ValueError("\x1b[2J \u202e \x9b31m \x1b]0;title\x07")
""")
    _, out, err = call("run", "--input", "text=hi")
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(out + err)
    _, out, _ = call("run", "--input", "text=hi", "--output-format", "json")
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(out)
