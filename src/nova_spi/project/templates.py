"""The templates that a project can be made from: files in ``template_files``, with a few words to fill in.

Words stand as ``{{name}}`` in manifests and README files; they are replaced as data, and code is copied as it is.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from nova_spi.errors import ProjectError

DOMAINS = ("text", "image", "video", "audio", "multimodal")
BARE = "bare"
SHARED = "shared"

_WORD = re.compile(r"\{\{(\w+)\}\}")
_FILLED = (".yml", ".md")
_PLAIN = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+|[0-9]+\.[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Template:
    """One template.

    Attributes:
        name: Its name, which is its folder's too.
        domain: The domain it is for; None where it is for any.
        summary: What a project made from it does, as the first description of its model.
    """

    name: str
    domain: str | None
    summary: str

    def files(self, words: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """Every file of a project, as its relative path and its content with the words filled in."""
        folder = files("nova_spi.project") / "template_files"
        for part in (SHARED, self.name):
            for relative, source in _walk(folder / part):
                content = source.read_bytes()
                if relative.endswith(_FILLED):
                    content = _fill(content.decode("utf-8"), words, quoted=relative.endswith(".yml")).encode("utf-8")
                yield relative.replace("dot_", ".", 1) if relative.startswith("dot_") else relative, content


_TEMPLATES = (
    Template("text", "text", "Goes on with a text, word by word, by a Markov chain over words."),
    Template("image", "image", "Draws the edges of a picture and names its dominant colours."),
    Template("video", "video", "Finds the cuts of a video and makes a preview of its scenes."),
    Template("audio", "audio", "Measures a recording, finds its silences and brings its peak to -1 dB."),
    Template("multimodal", "multimodal", "Answers questions about a picture's pixels and turns it into a sound."),
    Template(BARE, None, "Answers each output with an example, until a model takes its place."),
)


def list_templates(domain: str | None = None) -> tuple[Template, ...]:
    """All templates, or those that serve a domain; the domain's own comes first."""
    return tuple(item for item in _TEMPLATES if domain is None or item.domain in (domain, None))


def choose(domain: str | None, name: str | None) -> Template:
    """The template to take.

    Args:
        domain: The project's domain, or None.
        name: The template that the caller named, or None for the domain's own; without a domain the bare one.

    Raises:
        ProjectError: There is no such domain or template, or the template is for another domain.
    """
    if domain is not None and domain not in DOMAINS:
        raise _unknown("domain", domain, DOMAINS)
    wanted = name or domain or BARE
    by_name = {item.name: item for item in _TEMPLATES}
    if wanted not in by_name:
        raise _unknown("template", wanted, tuple(by_name))
    template = by_name[wanted]
    if domain is not None and template.domain not in (domain, None):
        raise ProjectError(
            f"The template {template.name!r} is for the domain {template.domain}, not {domain}.",
            mend=f"Use --domain {template.domain}, or one of: {', '.join(one.name for one in list_templates(domain))}.",
        )
    return template


def _unknown(what: str, wanted: str, known: tuple[str, ...]) -> ProjectError:
    close = difflib.get_close_matches(wanted[:64].lower(), known, n=1)
    return ProjectError(
        f"There is no {what} {wanted[:64]!r}." + (f" Did you mean {close[0]!r}?" if close else ""),
        mend=f"Use one of: {', '.join(known)}.",
    )


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name == "__pycache__":
            continue
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        else:
            yield prefix + item.name, item


def _fill(text: str, words: Mapping[str, str], *, quoted: bool) -> str:
    def word(found: re.Match[str]) -> str:
        value = words[found[1]]
        in_quotes = text[: found.start()].endswith('"')
        return _yaml(value) if quoted and not in_quotes else value

    return _WORD.sub(word, text)


def _yaml(value: str) -> str:
    """A string as YAML of every version reads it; quoted unless it can be nothing but text."""
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
