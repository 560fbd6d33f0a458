TEXT = {"name": "text", "type": "string", "required": True}
WORD = {"name": "word", "type": "string"}
ECHO = "def predict(word): return word\n"
INTERFACE = {"inputs": [WORD], "outputs": [TEXT]}


def test_a_model_answers_call_after_call(served):
    worker = served(ECHO, **INTERFACE)
    for index in range(1000):
        assert worker.call({"word": f"ä{index}"}) == {"text": f"ä{index}"}
