"""Goes on with a text, word by word, by a Markov chain.

The algorithm, honestly: it counts which word follows which two words in `model/weights/corpus.txt`, and draws the next
one from what it has seen. It has no understanding and no neural network. Replace `Generator` by your model.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).parent / "model" / "weights" / "corpus.txt"


class Generator:
    """A Markov chain of order two over words."""

    def setup(self) -> None:
        """Loads the model; called once, before the first prediction."""
        self.words = CORPUS.read_text(encoding="utf-8").split()
        self.following: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for first, second, third in zip(self.words, self.words[1:], self.words[2:], strict=False):
            self.following[first.lower(), second.lower()].append(third)
            self.following[(second.lower(),)].append(third)

    def predict(self, prompt: str, max_words: int, seed: int) -> Iterator[str]:
        """Yields the prompt, then each word; the runtime joins them, or streams them where that is asked for."""
        draw = random.Random(f"{seed}:{prompt}")  # noqa: S311 - a draw of words, not a secret
        yield prompt
        latest = prompt.lower().split()
        for _ in range(max_words):
            word = draw.choice(self.candidates(latest))
            latest.append(word.lower())
            yield f" {word}"

    def candidates(self, latest: list[str]) -> list[str]:
        """What has followed the latest two words, else the latest one; any word where neither is known."""
        return self.following.get(tuple(latest[-2:])) or self.following.get(tuple(latest[-1:])) or self.words
