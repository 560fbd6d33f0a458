import shutil


def test_where_the_server_s_folder_is_gone_calls_say_so_and_the_server_ends_as_told(begin):
    with begin(workers=1) as server, server.client() as client:
        kept = client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))]).json()
        place = kept["outputs"]["copies"][0]["url"]
        assert client.get(place).text == "a"
        shutil.rmtree(server.folder)
        assert client.post("/v1/commands/run", json={"text": "a"}).status_code == 200
        assert client.get(place).status_code == 404
        refused = client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))])
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "run.system")
        assert refused.json()["error"]["message"] == "The execution could not go on: No such file or directory."
