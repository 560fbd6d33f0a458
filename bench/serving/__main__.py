"""`python -m bench.serving`: everything about serving, into bench/results/serving.json and a Markdown table.

Exit status 1 where a promise is broken: p50 at most 0.45 of Cog's, throughput of eight clients at least 3 times
Cog's, no refusal in 100,000 calls, the server process under 45 MB.
"""

import argparse
import json
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from bench.measuring import environment as machine
from bench.serving import calling, faults, files, lasting, speed, tables
from bench.serving.environments import NotInstalled, environment, version
from bench.serving.peers import OURS, OURS_PLAIN, PEERS, Peer
from bench.serving.running import NotReady

RESULTS = Path(__file__).parents[1] / "results" / "serving.json"
PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
PARTS = ("speed", "files", "lasting", "faults", "python")


def main() -> int:
    """Measures, shows, writes."""
    wanted = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is ended
    peers = [peer for peer in PEERS if not wanted.only or peer.name in wanted.only.split(",")]
    results: dict[str, Any] = {"environment": machine(), "rounds": wanted.rounds, "servers": {}}
    if wanted.keep:
        results = json.loads(RESULTS.read_text("utf-8"))
    installed = _installed(peers, results)
    work = {"speed": _speed, "files": _files, "lasting": _lasting, "faults": _faults, "python": _python}
    for part in wanted.parts.split(","):
        begun = time.perf_counter()
        work[part](installed, results, wanted)
        print(f"{part}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    shown = tables.tables(results)
    print(shown)
    if wanted.docs:
        PAGE.write_text(tables.into(PAGE.read_text("utf-8"), shown), "utf-8")
    broken = promises(results)
    print("\n".join(broken), file=sys.stderr)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of speed, each server in turn")
    parser.add_argument("--only", default="", help="names of servers, with commas")
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--seconds", type=float, default=10, help="that a peer gets for its calls in a row")
    parser.add_argument("--keep", action="store_true", help="measure some things again; the rest stays as it was")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/speed.md")
    return parser.parse_args()


def _installed(peers: list[Peer], results: dict[str, Any]) -> list[tuple[Peer, Path]]:
    found = []
    for peer in peers:
        about = results["servers"].setdefault(peer.name, {})
        try:
            place = environment(peer)
        except NotInstalled as error:
            about["skipped"] = str(error)
            continue
        about |= {key: getattr(peer, key) for key in ("worker", "deadline", "settings")}
        about["version"] = version(peer, place)
        found.append((peer, place))
    return found


def _speed(installed: list[tuple[Peer, Path]], results: dict[str, Any], wanted: argparse.Namespace) -> None:
    results["floor"] = speed.floor()
    for peer, _ in installed:
        results["servers"][peer.name].pop("rounds", None)
    for number in range(wanted.rounds):
        for peer, place in installed:
            about = results["servers"][peer.name]
            if "skipped" in about:
                continue
            try:
                found = speed.round_of(peer, place)
            except NotReady as error:
                about["skipped"] = str(error)
                continue
            about.setdefault("rounds", []).append(found)
            alone, many = found["alone"], found["together"]
            print(
                f"round {number + 1} {peer.name:<20} p50 {alone['p50_ms']:.3f} ms, {many['rate']:.0f}/s",
                file=sys.stderr,
                flush=True,
            )


def _files(installed: list[tuple[Peer, Path]], results: dict[str, Any], wanted: argparse.Namespace) -> None:
    for peer, place in installed:
        try:
            found = files.of(peer, place)
        except NotReady as error:
            found = {"failed": str(error)[:300]}
        results["servers"][peer.name]["files"] = found


def _lasting(installed: list[tuple[Peer, Path]], results: dict[str, Any], wanted: argparse.Namespace) -> None:
    for peer, place in installed:
        if peer is OURS_PLAIN:
            continue
        try:
            found = lasting.of(peer, place, wanted.seconds if peer.packages else 300.0)
        except NotReady:
            continue
        results["servers"][peer.name]["lasting"] = found


def _faults(installed: list[tuple[Peer, Path]], results: dict[str, Any], wanted: argparse.Namespace) -> None:
    """Ours alone; then the peers, three at a time, since most of it is waiting for those that answer no more."""

    def one(peer: Peer, place: Path) -> None:
        results["servers"][peer.name]["faults"] = faults.table(peer, place)

    for peer, place in installed:
        if peer is OURS:
            one(peer, place)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda each: one(*each), [each for each in installed if each[0].packages]))


def _python(installed: list[tuple[Peer, Path]], results: dict[str, Any], wanted: argparse.Namespace) -> None:
    results["python"] = calling.measured()


def promises(results: dict[str, Any]) -> list[str]:
    """Those that are broken, in words; what was not measured breaks none."""
    found = []
    name, ours = OURS.name, results["servers"].get(OURS.name, {})
    quick, many = (tables.ratios(results, name, "Cog", figure) for figure in (tables.p50, tables.rate))
    if quick and median(quick) > 0.45:
        found.append(f"p50 is {median(quick):.2f} of Cog's, over 0.45")
    if many and median(many) < 3:
        found.append(f"throughput is {median(many):.2f} times Cog's, under 3")
    lasted = ours.get("lasting")
    if lasted and (lasted["refused"] or lasted["wrong"] or lasted["good"] < lasting.CALLS):
        found.append(f"of {lasting.CALLS} calls {lasted['good']} were good, {lasted['refused']} refused")
    sizes = [each["memory"]["http"]["rss"] for each in ours.get("rounds", []) if each["memory"]["http"]]
    if sizes and median(sizes) > 45:
        found.append(f"the server process takes {median(sizes):.0f} MB, over 45")
    return found


if __name__ == "__main__":
    sys.exit(main())
