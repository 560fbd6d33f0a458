"""The work itself: items are handed out one by one, run, and written into the journal."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from nova_spi.errors import ExecutionError, NovaSpiError
from nova_spi.progress import Progress
from nova_spi.serving.batch.asking import Ask, Asking
from nova_spi.serving.batch.figures import Pace, told
from nova_spi.serving.batch.items import Item, Items
from nova_spi.serving.batch.journal import Journal
from nova_spi.serving.batch.keeping import Keeping
from nova_spi.serving.batch.records import Done, write_record
from nova_spi.serving.batch.runner import Answer, CannotGoOn, Runner
from nova_spi.serving.batch.stopping import Stop

SYNC_SECONDS = 1.0
"""What was done this long ago survives a power cut; a killed process loses nothing that was done."""

NEWS_SECONDS = 0.5
DRAIN_SECONDS = 10.0
"""After the first Ctrl-C, what runs has so long to come to its end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the work ended.

    Attributes:
        error: Why it stopped before the end; None where it did not, or was interrupted.
        signal: The number of the signal that interrupted it, or None.
    """

    error: NovaSpiError | None = None
    signal: int | None = None


class Working:
    """One start of a batch.

    Args:
        items: What is to be done.
        count: How many there are.
        asking: Makes a call of each.
        runner: Runs them; started and closed here.
        journal: Where results are written.
        keeping: Where output files go.
        progress: Hears how far it is.
        max_failures: So many failures in all end it.
    """

    def __init__(
        self,
        items: Items,
        count: int,
        asking: Asking,
        runner: Runner,
        journal: Journal,
        keeping: Keeping,
        progress: Progress,
        max_failures: int | None,
    ) -> None:
        self._items = items
        self._count = count
        self._asking = asking
        self._runner = runner
        self._journal = journal
        self._keeping = keeping
        self._progress = progress
        self._max_failures = max_failures
        self._error: NovaSpiError | None = None
        self._over = False

    async def go(self) -> Ended:
        """Works until everything is done, cannot go on, or is interrupted. Whatever is done by then is written."""
        with Stop() as stop:
            try:
                await self._start(stop)
                if not stop.wanted.is_set():
                    await self._work(stop)
            except NovaSpiError as error:
                self._error = self._error or error
            finally:
                await self._runner.close()
                await asyncio.to_thread(self._journal.sync)
        return Ended(self._error, stop.signal)

    async def _start(self, stop: Stop) -> None:
        """Waits until the runner is ready; Ctrl-C gives that up."""
        self._progress.stage("load")
        starting = asyncio.ensure_future(self._runner.start())
        stopped = asyncio.ensure_future(stop.wanted.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not starting.done():
                starting.cancel()
            await asyncio.gather(starting, stopped, return_exceptions=True)
        if not starting.cancelled():
            starting.result()

    async def _work(self, stop: Stop) -> None:
        with closing(iter(self._items)) as items:
            left = (item for item in items if item.index not in self._journal)
            hands = [asyncio.ensure_future(self._hand(left)) for _ in range(self._runner.capacity)]
            beside = [asyncio.ensure_future(one) for one in (self._sync(), self._news(), self._stop(stop, hands))]
            try:
                found = await asyncio.gather(*hands, return_exceptions=True)
            finally:
                for task in (*hands, *beside):
                    task.cancel()
                await asyncio.gather(*hands, *beside, return_exceptions=True)
        for one in found:
            if isinstance(one, Exception):
                raise one

    async def _stop(self, stop: Stop, hands: "list[asyncio.Task[None]]") -> None:
        await stop.wanted.wait()
        self._over = True
        self._progress.stage("ending", "what runs comes to its end; once more does not wait")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.now.wait(), DRAIN_SECONDS)
        for hand in hands:
            hand.cancel()

    async def _hand(self, left: Iterator[Item]) -> None:
        """Takes the next item that is left, until there is none."""
        try:
            while not self._over and (item := next(left, None)) is not None:
                await self._one(item)
        except CannotGoOn as stopped:
            self._end(stopped.error)
        except NovaSpiError as error:
            self._end(error)

    def _end(self, error: NovaSpiError) -> None:
        self._over = True
        self._error = self._error or error

    async def _one(self, item: Item) -> None:
        ask = self._asking.of(item)
        if ask.error is not None:
            self._write(ask, Done(None, ask.error))
            await asyncio.sleep(0)  # a million bad lines must not keep the others from the loop
            return
        answer = await self._runner.run(ask)
        try:
            self._write(ask, await self._kept(item, answer))
        except OSError as error:
            raise _unwritable(error) from error
        finally:
            answer.release()

    async def _kept(self, item: Item, answer: Answer) -> Done:
        outputs = answer.outputs
        if answer.log:
            self._progress.log(answer.log.encode("utf-8", "replace"))
        if answer.error is None and any(answer.files.values()):
            outputs = await asyncio.to_thread(self._keeping.keep, item.index, outputs or b"{}", answer.files)
        return Done(outputs, answer.error, answer.seconds, answer.log)

    def _write(self, ask: Ask, done: Done) -> None:
        self._journal.add(ask.item.index, write_record(ask.item, ask.custom_id, done), ok=done.ok)
        if self._max_failures is not None and self._journal.failed >= self._max_failures and not self._journal.complete:
            self._end(_too_many(self._journal.failed))

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await asyncio.to_thread(self._journal.sync)
            except OSError as error:
                self._end(_unwritable(error))

    async def _news(self) -> None:
        pace, journal = Pace(), self._journal
        self._progress.stage("batch")
        while True:
            rate = pace.look(time.monotonic(), journal.recorded)
            words = told(rate, journal.failed, self._count - journal.recorded)
            self._progress.advance(journal.recorded, self._count, words)
            await asyncio.sleep(NEWS_SECONDS)


def _too_many(failed: int) -> ExecutionError:
    return ExecutionError(
        f"{failed} items have failed, as many as --max-failures allows.",
        why="failures.jsonl says why each of them did.",
        mend="look into them; the same command with a larger --max-failures goes on, --retry-failed runs them again",
        code="batch.failures",
    )


def _unwritable(error: OSError) -> ExecutionError:
    return ExecutionError(
        "The results cannot be written.",
        why=f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.",
        mend="make room, and give the same command again: it goes on where this one stopped",
        code="run.output",
    )
