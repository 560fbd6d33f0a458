import json

import pytest

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.interface.assembling import Text
from nova_spi.interface.compiled import compile_interface
from nova_spi.project.folder import open_folder
from nova_spi.serving.batch.asking import Asking
from nova_spi.serving.batch.items import Item


@pytest.fixture
def asking(project, tmp_path):
    def asking(command=None, **shared):
        chosen = compile_interface(open_folder(project).manifest).command(command)
        return Asking(chosen, tmp_path, shared, tmp_path)

    return asking


def line(value):
    return Item(0, 7, text=value if isinstance(value, bytes) else json.dumps(value).encode())


def test_a_line_of_values_goes_on_as_the_bytes_that_it_is(asking):
    ask = asking().of(line(b'{"text" :"a",  "times":2}'))
    assert (ask.inputs, ask.custom_id, ask.files, ask.error) == (b'{"text" :"a",  "times":2}', None, {}, None)


def test_custom_id_comes_back_and_is_no_input(asking):
    ask = asking().of(line({"text": "a", "custom_id": "mine"}))
    assert (json.loads(ask.inputs), ask.custom_id) == ({"text": "a"}, "mine")
    assert "custom_id" in asking().of(line({"text": "a", "custom_id": 7})).error.message


def test_custom_id_is_an_input_where_the_command_has_one(asking, project):
    manifest = (
        (project / "manifest.yml").read_text().replace("name: times, type: integer", "name: custom_id, type: string")
    )
    (project / "manifest.yml").write_text(manifest.replace("default: 1", "default: x"))
    ask = asking().of(line({"text": "a", "custom_id": "b"}))
    assert (json.loads(ask.inputs), ask.custom_id) == ({"text": "a", "custom_id": "b"}, None)


@pytest.mark.parametrize("text", [b"{", b"[1]", b"3", b'{"text":"a","text":"b"}', b"\xff", b'{"a":NaN}', b"[" * 5000])
def test_what_is_no_object_is_an_error_of_its_line(asking, text):
    ask = asking().of(line(text))
    assert ask.error.message.startswith("Line 7 ")
    assert ask.error.error_code == "input.invalid"


def test_shared_inputs_are_read_once_and_an_items_own_win(asking):
    made = asking(times=Text("3"))
    assert json.loads(made.of(line({"text": "a"})).inputs) == {"times": 3, "text": "a"}
    assert json.loads(made.of(line({"text": "a", "times": 5})).inputs) == {"times": 5, "text": "a"}
    assert made.shared == {"times": 3}


def test_shared_inputs_that_are_wrong_are_told_before_anything_runs(asking):
    with pytest.raises(InputInvalid, match="times"):
        asking(times=Text("many"))
    with pytest.raises(UsageError, match="did you mean 'times'"):
        asking(tims=Text("3"))


def test_files_of_a_line_are_found_from_the_folder_of_the_inputs(asking, tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.txt").write_text("x")
    ask = asking("draw").of(line({"page": "pages/one.txt", "mark": "+", "custom_id": "c"}))
    assert json.loads(ask.inputs) == {"mark": "+"}
    (file,) = ask.files["page"]
    assert (file.path, file.name, file.ours) == (tmp_path / "pages" / "one.txt", "one.txt", False)
    missing = asking("draw").of(line({"page": "pages/two.txt", "custom_id": "c"}))
    assert "there is no file" in missing.error.message
    assert missing.custom_id == "c"
    skipped = asking("draw").of(line({"page": "project/manifest.yml"}))
    assert "does not match" in skipped.error.message


def test_a_file_of_a_folder_goes_to_the_only_file_input(asking, tmp_path):
    (tmp_path / "one.txt").write_text("x")
    made = asking("draw", mark=Text("*"))
    ask = made.of(Item(0, file="one.txt"))
    assert json.loads(ask.inputs) == {"mark": "*"}
    assert ask.files["page"][0].path == tmp_path / "one.txt"
    with pytest.raises(UsageError, match="one file input"):
        asking().takes_folder()


def test_what_could_not_be_read_is_an_error_of_its_item(asking):
    assert "Line 3" in asking().of(Item(0, 3, problem="it is too long")).error.message
    assert "The file x" in asking().of(Item(0, file="x", problem="it is too long")).error.message
