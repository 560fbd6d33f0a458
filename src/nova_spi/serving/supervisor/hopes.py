"""Waiting until something has come to be so, woken by what may have changed it and not by a clock."""

import asyncio
from collections.abc import Callable


class Hopes:
    """All that wait, in one event loop."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def until(self, so: Callable[[], bool]) -> None:
        """Waits until something is so; it is asked for now, and after each `tell`."""
        while not so():
            hope: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(hope)
            await hope

    def tell(self) -> None:
        """Something has changed."""
        waiting, self._waiting = self._waiting, []
        for hope in waiting:
            if not hope.done():  # whoever waited may have gone
                hope.set_result(None)
