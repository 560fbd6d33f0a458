"""English sentiment by VADER, a lexicon of rated words and a handful of grammar rules.

VADER (Hutto and Gilbert, ICWSM 2014) learns nothing: 7,500 words, emoticons and idioms carry a mean rating by human
judges from -4 to +4, and rules for negation, degree words, capitals, punctuation and "but" bend it. The package
`vaderSentiment` holds the lexicon and the rules; this file gives them an interface.
"""

from collections import Counter
from typing import Any

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

LABELS = ("positive", "neutral", "negative")


class Sentiment:
    """Tells whether English text sounds positive, neutral or negative."""

    def setup(self) -> None:
        """Reads the lexicon, once (about 50 ms)."""
        self.analyzer = SentimentIntensityAnalyzer()

    def predict(self, text: str, threshold: float = 0.05) -> dict[str, Any]:
        """Rates one text.

        Args:
            text: English text, best a sentence or a short paragraph.
            threshold: from this distance from zero on, the compound score counts as an opinion.

        Returns:
            `label`; `compound`, from -1 to 1; `scores`, the shares of the text that are positive, neutral and
            negative, which add up to 1 (all are 0 where the text has no word at all).
        """
        rated = self.analyzer.polarity_scores(text)
        return {
            "label": label_of(rated["compound"], threshold),
            "compound": rated["compound"],
            "scores": {"positive": rated["pos"], "neutral": rated["neu"], "negative": rated["neg"]},
        }

    def batch(self, texts: list[str], threshold: float = 0.05) -> dict[str, Any]:
        """Rates many texts, and counts the labels.

        Returns:
            `results`, one `{label, compound}` for each text in order; `counts` by label; `mean_compound`.
        """
        rated = [self.predict(text, threshold) for text in texts]
        counts = Counter(each["label"] for each in rated)
        return {
            "results": [{"label": each["label"], "compound": each["compound"]} for each in rated],
            "counts": {label: counts[label] for label in LABELS},
            "mean_compound": round(sum(each["compound"] for each in rated) / len(rated), 4),
        }


def label_of(compound: float, threshold: float) -> str:
    """The word for a compound score; its authors use a threshold of 0.05."""
    if compound == 0 or abs(compound) < threshold:
        return "neutral"
    return "positive" if compound > 0 else "negative"
