"""Says the words of a prompt again; some first words make it fail, in the ways that models fail."""

import time


def predict(prompt, max_tokens, temperature, stop=None):
    words = prompt.split()
    if words[:1] == ["raise"]:
        raise ValueError("The model does not want to.")
    if words[:1] == ["sleep"]:
        time.sleep(float(words[1]))
    said, reason = 0, "stop"
    yield {"text": ""}
    for word in words:
        if word in (stop or ()):
            break
        if said == max_tokens:
            reason = "length"
            break
        if word == "wait":
            time.sleep(0.3)
        if word == "fail":
            raise ValueError("The model broke off.")
        yield {"text": f"{word} "}
        said += 1
    yield {"finish_reason": reason, "prompt_tokens": len(words), "completion_tokens": said}
