"""The results as Markdown: what docs/speed.md shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

Found = Mapping[str, Any]
BEGIN, END = "<!-- serving: written by python -m bench.serving -->", "<!-- serving ends -->"


def tables(results: Found) -> str:
    """All of them, with a sentence on the client."""
    parts = [_speed(results), _more(results), _faults(results), _floor(results), _python(results)]
    parts += [_versions(results), _when(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def ratios(results: Found, ours: str, peer: str, figure: Callable[[Found], float]) -> list[float]:
    """Ours over the peer's, in each round that has both."""
    mine, theirs = _rounds(results, ours), _rounds(results, peer)
    return [figure(a) / figure(b) for a, b in zip(mine, theirs, strict=False)]


def p50(found: Found) -> float:
    """Milliseconds of a call after the other."""
    return float(found["alone"]["p50_ms"])


def rate(found: Found) -> float:
    """Good answers a second to eight clients."""
    return float(found["together"]["rate"])


def _rounds(results: Found, name: str) -> Sequence[Found]:
    rounds: Sequence[Found] = results["servers"].get(name, {}).get("rounds", [])
    return rounds


def _speed(results: Found) -> str:
    names = [name for name in results["servers"] if _rounds(results, name)]
    if not names:
        return ""
    head = ("server", "p50", "p95", "p99", "p50 over Cog's", "refused", "8 clients", "over Cog's", "refused")
    return _markdown(head, (_speed_row(results, name) for name in names))


def _speed_row(results: Found, name: str) -> list[str]:
    rounds = _rounds(results, name)
    quick, many = (ratios(results, name, "Cog", figure) for figure in (p50, rate))
    alone = [found["alone"] for found in rounds]
    return [
        name,
        *(f"{median(found[key] for found in alone):.2f} ms" for key in ("p50_ms", "p95_ms", "p99_ms")),
        f"{median(quick):.2f}" if quick else "",
        _share(alone),
        f"{median(rate(found) for found in rounds):.0f}/s",
        f"{median(many):.2f}" if many else "",
        _share([found["together"] for found in rounds]),
    ]


def _share(found: Iterable[Found]) -> str:
    """Of all tries, how many were refused; errors beside them."""
    found = list(found)
    refused, wrong = sum(each["refused"] for each in found), sum(each["wrong"] for each in found)
    tries = sum(each["good"] for each in found) + refused + wrong
    shown = f"{refused / tries:.0%}" if refused else "none"
    return shown + (f", {wrong} errors" if wrong else "")


def _more(results: Found) -> str:
    head = (
        "server",
        "cold start",
        "HTTP process, Pss (Rss)",
        "all but the worker",
        "all",
        "10 MB file",
        "calls in a row",
    )
    measured = {
        name: found for name, found in results["servers"].items() if {"rounds", "files", "lasting"} & set(found)
    }
    rows = [_more_row(name, found) for name, found in measured.items()]
    return _markdown(head, rows) if rows else ""


def _more_row(name: str, found: Found) -> list[str]:
    cold = [each["cold_seconds"] for each in found.get("rounds", [])]
    memory = [each["memory"] for each in found.get("rounds", [])]
    http = [each["http"] for each in memory if each["http"]]
    files, lasting = found.get("files"), found.get("lasting")
    shown = "" if not lasting else f"{lasting['good']:,}: {lasting['refused']:,} refused, {lasting['wrong']:,} errors"
    return [
        name,
        f"{median(cold):.2f} s" if cold else "",
        f"{median(e['pss'] for e in http):.0f} ({median(e['rss'] for e in http):.0f}) MB" if http else "",
        _megabytes([each["without_worker"] for each in memory]),
        _megabytes([each["with_worker"] for each in memory]),
        f"{files['p50_ms']:.0f} ms, {files['way']}" if files and files.get("good") else (files or {}).get("failed", ""),
        shown,
    ]


def _megabytes(sizes: Sequence[float | None]) -> str:
    known = [size for size in sizes if size is not None]
    return f"{median(known):.0f} MB" if known else "one process" if sizes else ""


def _faults(results: Found) -> str:
    from bench.serving.faults import FAULTS

    rows = [
        [name, *(_fault(found["faults"].get(fault)) for fault in FAULTS), _left(found["faults"])]
        for name, found in results["servers"].items()
        if "faults" in found
    ]
    head = (
        "server",
        "raise",
        "`sys.exit`",
        "`os._exit`",
        "segfault",
        "endless C call",
        "left after SIGKILL of the server",
    )
    return _markdown(head, rows) if rows else ""


def _fault(found: Found | None) -> str:
    """One cell: the answer, the next call, health."""
    if not found or "not_started" in found:
        return "did not start"
    return "; ".join((_told(found), _next(found), _health(found)))


def _told(found: Found) -> str:
    if found["status"] <= 0:
        return "no answer" if found["status"] else "connection closed"
    with_ = [word for word, there in (("reason", found["reason"]), ("log", found["log"])) if there]
    return f"{found['status']} in {found['seconds']:.1f} s, " + (" and ".join(with_) if with_ else "no reason")


def _next(found: Found) -> str:
    if found["works_after_ms"] is None:
        return "**next calls fail**"
    return f"works {'' if found['next_call_was_good'] else 'again '}after {found['works_after_ms']:.0f} ms"


def _health(found: Found) -> str:
    said, works = found["health_at_the_end"], found["works_after_ms"] is not None
    if (said == "well") == works:
        return "health true" if said != "silent" else "health silent"
    return f"**health says {said}**"


def _left(found: Found) -> str:
    shown = []
    for key, when in (("killed_idle", "idle"), ("killed_busy", "in a call")):
        left = found.get(key, {}).get("left")
        shown.append(f"{when}: " + ("?" if left is None else f"**{left}**" if left else "none"))
    return ", ".join(shown)


def _floor(results: Found) -> str:
    found = results.get("floor")
    if not found:
        return ""
    shares = [each["together"]["client_cpu_share"] for name in results["servers"] for each in _rounds(results, name)]
    busiest = f" With the servers it took at most {max(shares):.0%} of one processor." if shares else ""
    return (
        f"The client itself, against a server that does nothing: p50 {found['alone']['p50_ms']:.3f} ms, "
        f"{found['together']['rate']:.0f} calls a second from 8 clients.{busiest}"
    )


def _python(results: Found) -> str:
    found = results.get("python")
    if not found:
        return ""
    return (
        f"`nova_spi.load(...).predict(...)`, the same model without HTTP: p50 {found['p50_ms']:.2f} ms, "
        f"p95 {found['p95_ms']:.2f} ms."
    )


def into(page: str, shown: str) -> str:
    """A page of the documentation with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise ValueError(f"The page has no place for the tables: {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{shown}\n{END}{after}"


def _when(results: Found) -> str:
    about = results["environment"]
    return (
        f"Measured on {about['date']}: {about['system']}, {about['processors']} processors, Python {about['python']}; "
        f"{results['rounds']} rounds, medians."
    )


def _versions(results: Found) -> str:
    head = ("server", "version", "model runs in", "deadline", "settings")
    rows = [
        [
            name,
            found.get("version", ""),
            found.get("worker", ""),
            found.get("deadline") or "none",
            found.get("settings", ""),
        ]
        if "skipped" not in found
        else [name, "", "", "", f"not measured: {found['skipped']}"]
        for name, found in results["servers"].items()
    ]
    return _markdown(head, rows)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
