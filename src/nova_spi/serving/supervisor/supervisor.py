"""The supervisor of a served model: its workers, the queue before them, and the truth about both."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from nova_spi.engines.port import Engine
from nova_spi.errors import ExecutionError, UsageError
from nova_spi.serving.calls import Call, Execution, OutputFile, heard
from nova_spi.serving.log import CallLog
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi.serving.supervisor import reasons
from nova_spi.serving.supervisor.alarm import Alarm
from nova_spi.serving.supervisor.cold import Cold
from nova_spi.serving.supervisor.hopes import Hopes
from nova_spi.serving.supervisor.laying import discard
from nova_spi.serving.supervisor.looking import Looking
from nova_spi.serving.supervisor.report import read_secrets, reported
from nova_spi.serving.supervisor.served import Served, check_size
from nova_spi.serving.supervisor.threads import Threads
from nova_spi.serving.supervisor.waiting import Waiting
from nova_spi.serving.supervisor.worker import Worker

T = TypeVar("T")


class Supervisor:
    """Owns the workers of one model, and keeps six promises.

    1. a deadline that really ends a call: the caller has `nova_spi.errors.RunTimeout` with the log so far at the
       deadline, the model is asked to stop, and after a moment its whole process tree is ended;
    2. a crash is one failed call, with its reason and log; the next call works. A model that cannot be loaded is tried
       again, with longer and longer pauses, and `health` says so;
    3. first in, first out, bounded: a client that calls one after the other is never refused;
    4. cancelling works on code that never returns to Python;
    5. logs belong to the call that wrote them;
    6. no worker outlives its supervisor, whatever ends it.

    It belongs to one event loop and one thread; nothing of it may be touched from another.

    Args:
        plan: What is served.
        engine: What runs it.

    Attributes:
        plan: What is served.
        engine: What runs it.
        loop: Where it was started.
        secrets: The values that are taken out of logs, by name.
        counters: ``restarts_total``, ``calls_total``, ``refused_total`` since the start.
        on_end: Is called with every execution at its end.
        warnings: What should be known of the model and does not stop it.
        shown: Is given what models write, as it comes and without secrets, and the name of the worker, or of the
            command that is no worker's; None where nobody wants it. Set it before the start.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self.plan = plan
        self.engine = engine
        self.secrets: Mapping[str, str] = {}
        self.counters = {"restarts_total": 0, "calls_total": 0, "refused_total": 0}
        self.on_end: list[Callable[[Execution], None]] = []
        self.warnings: list[str] = []
        self.shown: Callable[[str, bytes], None] | None = None
        self._served = {name: Served(command) for name, command in plan.commands.items()}
        self._waiting = Waiting(plan.queue_size, plan.max_batch_size, plan.max_batch_delay_seconds)
        self._workers: list[Worker] = []
        self._free: list[Worker] = []
        self._open = 0
        self._draining = False
        self._closed = False
        self._asleep = False
        self._hopes = Hopes()
        self._started = False

    async def start(self) -> None:
        """Begins to load the model, and returns at once."""
        self.loop = asyncio.get_running_loop()
        self.secrets = read_secrets(self.plan.secrets)
        self._threads = Threads(self.loop, 2 * self.plan.workers + 2)
        self._looking = Looking()
        self._cold = Cold(self)
        self._batch_alarm = Alarm(self.loop, self._dispatch)
        self._idle_alarm = Alarm(self.loop, self._fall_asleep)
        self._started = True
        if any(command.warm for command in self.plan.commands.values()):
            self._workers = [Worker(slot, self) for slot in self.plan.slots]
        for worker in self._workers:
            worker.start()

    async def ready(self) -> None:
        """Waits until the model answers calls.

        Raises:
            WorkerUnavailable: It cannot be loaded.
            Draining: It is being ended.
        """
        await self._hopes.until(lambda: self._status() in ("ready", "idle", "broken", "draining"))
        if self._draining:
            raise reasons.draining()
        if self._status() == "broken":
            raise self._unavailable()

    def submit(self, call: Call) -> Execution:
        """Takes a call in; its execution ends by itself, whatever happens.

        The files of a call that is refused stay the caller's.

        Raises:
            UsageError: There is no such command.
            InputInvalid: The inputs are larger than a frame can be.
            Draining: It is being ended, and takes nothing more.
            WorkerUnavailable: The model could not be loaded so often that it counts as broken.
            QueueFull: Too many are waiting.
        """
        served = self._served.get(call.command)
        if served is None:
            raise UsageError(f"The model has no command {call.command!r}.", mend=f"It has: {', '.join(self._served)}")
        if self._draining:
            raise reasons.draining()
        check_size(call)
        execution = Execution(call, self.loop)
        execution.on_cancel = partial(self._cancel, execution)
        if not served.command.warm:
            self._refuse_where_full(lambda: self._cold.submit(execution, len(self._waiting)))
        elif self._free and self.plan.max_batch_size == 1:
            self._open += 1
            self._free.pop().take(served, [execution])
            return execution
        else:
            self._queue(execution)
        self._open += 1
        self._dispatch()
        return execution

    async def drain(self, seconds: float) -> None:
        """Takes no more calls, gives those that are there so long to finish, and closes.

        Args:
            seconds: What is not done by then is ended.
        """
        self._draining = True
        self._hopes.tell()
        try:
            async with asyncio.timeout(seconds):
                await self._hopes.until(lambda: self._open == 0)
        except TimeoutError:
            pass  # they have had their time
        await self.close()

    async def close(self) -> None:
        """Ends everything at once: no process, no thread and no descriptor is left. Calls that are there fail."""
        self._draining = self._closed = True
        if not self._started:
            return
        for execution in self._waiting.clear():
            self._give_up(execution, reasons.draining("The server ended before the call's turn had come."))
        for alarm in (self._batch_alarm, self._idle_alarm):
            alarm.close()
        for worker in self._workers:
            worker.stop()
        await self._cold.close()
        await self._hopes.until(lambda: all(worker.state == "stopped" for worker in self._workers))
        await self._looking.close()
        await self._threads.close()

    def health(self) -> dict[str, Any]:
        """How it is at this moment: ``status``, ``ready`` (whether calls are answered), the workers, the queue."""
        status = self._status()
        queued = len(self._waiting) + (self._cold.queued if self._started else 0)
        return reported(status, self._workers, queued, self._open - queued)

    def free(self, worker: Worker) -> None:
        """A worker can take a call."""
        self._free.append(worker)
        if self._waiting:
            self._dispatch()

    def occupied(self, worker: Worker) -> None:
        """A worker cannot, though nobody has given it one."""
        if worker in self._free:
            self._free.remove(worker)

    def changed(self, worker: Worker) -> None:
        """The state of a worker is another one."""
        if worker.state == "ready":
            self._learn(worker)
            self._rest()
        elif self._is_broken():
            for execution in self._waiting.clear():
                self._give_up(execution, self._unavailable())
        self._hopes.tell()

    def restarted(self) -> None:
        """A worker begins a new life because the one before ended."""
        self.counters["restarts_total"] += 1

    def give_back(self, executions: list[Execution]) -> None:
        """Calls that no worker has begun are the first in line again."""
        for execution in executions:
            execution.status, execution.started_at = "queued", None
            execution.log = CallLog()  # what came meanwhile was the last word of a worker that has never read it
        self._waiting.put_back(executions, self.loop.time())
        if self._is_broken() or self._closed:
            for execution in self._waiting.clear():
                self._give_up(execution, reasons.ended_meanwhile() if self._closed else self._unavailable())
        self._dispatch()

    def ended(self, execution: Execution) -> None:
        """An execution has come to its end."""
        self._open -= 1
        self.counters["calls_total"] += 1
        if execution.started_at is not None:
            self._waiting.took(execution.duration)
        if execution.call.files:
            self.in_thread(discard, execution.call)
        for listener in self.on_end:
            heard(self.loop, listener, execution)
        if not self._open:
            self._rest()
            if self._draining:
                self._hopes.tell()

    def in_thread(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Runs what may take long, and not in the loop's thread."""
        return self._threads.run(function, *arguments)

    async def looked_into(
        self, command: ServedCommand, files: Mapping[str, tuple[OutputFile, ...]]
    ) -> ExecutionError | None:
        """What is wrong with the content of output files, where the manifest says what they hold."""
        return await self._looking.into(command, files)

    def _queue(self, execution: Execution) -> None:
        if self._is_broken():
            raise self._unavailable()
        others, workers = self._cold.queued, len(self._workers)
        self._refuse_where_full(lambda: self._waiting.put(execution, self.loop.time(), others, workers))
        if self._asleep:
            self._asleep = False
            for worker in self._workers:
                worker.start()

    def _refuse_where_full(self, put: Callable[[], None]) -> None:
        try:
            put()
        except ExecutionError:
            self.counters["refused_total"] += 1
            raise

    def _dispatch(self) -> None:
        """Gives waiting calls to free workers."""
        while self._free and self._waiting:
            due = self._waiting.due()
            if due > self.loop.time():
                self._batch_alarm.set(due)
                return
            executions = self._waiting.take()
            self._free.pop().take(self._served[executions[0].call.command], executions)

    def _cancel(self, execution: Execution) -> None:
        if not self._served[execution.call.command].command.warm:
            self._cold.cancel(execution)
        elif execution.status == "queued":
            self._waiting.remove(execution)
            self._give_up(execution, reasons.cancelled())
        else:
            for worker in self._workers:
                if worker.has(execution):
                    worker.cancel(execution)

    def _give_up(self, execution: Execution, error: ExecutionError) -> None:
        """Ends a call that no worker has."""
        execution.end("cancelled" if error.error_code == "run.cancelled" else "failed", error)
        self.ended(execution)

    def _learn(self, worker: Worker) -> None:
        """What a worker that is ready says of batches."""
        self._waiting.batched = worker.batch
        warm = [name for name, command in self.plan.commands.items() if command.warm and name not in worker.batch]
        if self.plan.max_batch_size > 1 and warm and not self.warnings:
            self.warnings.append(
                f"execution.concurrency.max_batch_size is {self.plan.max_batch_size}, and {', '.join(warm)} has no"
                " predict_batch: its calls are answered one at a time."
            )

    def _rest(self) -> None:
        """Nobody calls, perhaps for long."""
        if self.plan.idle_seconds is not None and not self._open and not self._draining:
            self._idle_alarm.set(self.loop.time() + self.plan.idle_seconds)

    def _fall_asleep(self) -> None:
        if self._open or self._draining:
            return
        if not all(worker.alive for worker in self._workers):
            self._rest()
            return
        self._asleep = True
        for worker in self._workers:
            worker.stop()

    def _status(self) -> str:
        if self._draining:
            return "draining"
        if not self._started:
            return "starting"
        if not self._workers or any(worker.alive for worker in self._workers):
            return "ready"
        if self._asleep:
            return "idle"
        return "broken" if self._is_broken() else "starting"

    def _is_broken(self) -> bool:
        return bool(self._workers) and all(worker.failures.broken and not worker.alive for worker in self._workers)

    def _unavailable(self) -> ExecutionError:
        worker = self._workers[0]
        error = worker.last_error
        return reasons.unavailable(error, str(error.details.get("log", "")) if error is not None else "")
