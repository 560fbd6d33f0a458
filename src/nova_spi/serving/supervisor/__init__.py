"""What keeps the workers of a served model, and answers calls with them. See `Supervisor` for what it promises."""

from nova_spi.serving.supervisor.supervisor import Supervisor

__all__ = ["Supervisor"]
