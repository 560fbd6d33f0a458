"""Work that takes too long for the event loop, done beside it."""

import asyncio
import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(work: Callable[..., _T], *arguments: object) -> _T:
    """Works in a thread, which has ended when this returns, however that is."""
    working = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait((working,))
        working.exception()
        raise


def without_collections(work: Callable[[bytes], _T], data: bytes) -> _T:
    """Works on what makes millions of objects; to look for rings among them, again and again, holds up everybody."""
    gc.disable()
    try:
        return work(data)
    finally:
        gc.enable()


async def remove(folder: Path) -> None:
    """Takes a folder away, with all that is in it; it goes on though nobody waits for it any more."""
    await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
