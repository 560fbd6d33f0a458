"""What works on this machine: engines, interpreters, media, disk, GPU, network settings; behind ``nova-spi doctor``."""

from nova_spi.checks.machine.examining import Finding, examine

__all__ = ["Finding", "examine"]
