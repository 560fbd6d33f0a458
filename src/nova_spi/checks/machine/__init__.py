"""What works on this machine: engines, images, interpreters, media, disk, GPU, network; behind ``nova-spi doctor``."""

from nova_spi.checks.machine.examining import examine
from nova_spi.checks.machine.finding import Finding

__all__ = ["Finding", "examine"]
