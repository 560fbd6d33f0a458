"""What a run of test cases came to."""

import platform
from dataclasses import dataclass, field
from typing import Any, Literal

from nova_spi.execution.records import ExecutionResult

Status = Literal["passed", "failed", "error", "skipped"]

SCHEMA_VERSION = "1"


@dataclass(frozen=True)
class CaseResult:
    """One case.

    Attributes:
        name: As in the manifest.
        status: ``passed``; ``failed``: it ran, and something was not as expected; ``error``: it could not be run, e.g.
            its environment could not be made; ``skipped``: the run of the cases was ended before.
        seconds: From its start to its end, with everything.
        findings: What was not as expected, or why it did not run.
        execution: Its execution, where there was one.
    """

    name: str
    status: Status
    seconds: float
    findings: tuple[str, ...] = ()
    execution: ExecutionResult | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the report holds it."""
        run = self.execution
        return {
            "name": self.name,
            "status": self.status,
            "seconds": round(self.seconds, 6),
            "findings": list(self.findings),
            "execution": None
            if run is None
            else {
                "id": run.id,
                "command": run.command,
                "folder": str(run.folder),
                "error": run.error.to_dict() if run.error else None,
                "timings": run.record.get("timings", {}),
                "usage": run.record.get("usage", {}),
                "warnings": list(run.warnings),
            },
        }


@dataclass(frozen=True)
class TestReport:
    """All cases of one run.

    Attributes:
        cases: In the order of the manifest.
        facts: What was tested: model, manifest's digest, engine, version of nova-spi.
    """

    __test__ = False  # pytest takes classes of this name for tests

    cases: tuple[CaseResult, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True where every case passed. It is so where there are none: look at `note`."""
        return all(case.status == "passed" for case in self.cases)

    @property
    def note(self) -> str:
        """What the figures alone do not say."""
        return "" if self.cases else "There are no test cases: nothing was tested."

    def count(self, status: Status) -> int:
        """How many cases have this status."""
        return sum(case.status == status for case in self.cases)

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape of the report."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "note": self.note,
            **self.facts,
            "machine": {"system": platform.system(), "release": platform.release(), "processor": platform.machine()},
            "summary": {"cases": len(self.cases)}
            | {status: self.count(status) for status in ("passed", "failed", "error", "skipped")},
            "cases": [case.to_dict() for case in self.cases],
        }
