"""Validation of a manifest and its project, as one report."""

from nova_spi.checks.validation.checking import check
from nova_spi.checks.validation.report import ValidationReport
from nova_spi.checks.validation.writing import write_report

__all__ = ["ValidationReport", "check", "write_report"]
