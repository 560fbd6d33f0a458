"""A model that does whatever harm it is told to."""

import ctypes
import itertools
import mmap
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

PR_SET_NAME = 15
MOST_PROCESSES = 400
"""A bomb stops here, should nothing else stop it."""


class Model:
    def setup(self):
        mood = Path("mood.txt").read_text()
        say("loading:", mood)
        if mood == "never ready":
            time.sleep(600)
        time.sleep(0.05)
        self.life = uuid.uuid4().hex
        self.loaded_at = time.monotonic()

    def predict(self, do, mark):
        say("before", do)
        if do != "nothing":
            HARM[do](mark.encode())
        say("after", do)
        return {"life": self.life, "loaded_at": self.loaded_at, "pid": os.getpid()}

    soon = predict

    def predict_batch(self, items):
        return [self.one(item) for item in items]

    def one(self, item):
        try:
            return self.predict(**item)
        except Exception as error:  # noqa: BLE001  # of this item alone
            return error


def say(*words):
    """Into the log."""
    print(*words)  # a model has no other


class Odd(BaseException):
    """Not an `Exception`."""


def raise_it(mark):
    raise ValueError("no")


def raise_base(mark):
    raise Odd("odd")


def exit_it(mark):
    sys.exit(3)


def exit_at_once(mark):
    os._exit(3)


def exit_later(mark):
    threading.Timer(0.1, os._exit, (7,)).start()


def segfault(mark):
    ctypes.string_at(0)


def sleep(mark):
    time.sleep(600)


def hang_in_c(mark):
    ctypes.PyDLL(None).sleep(600)


def ignore_its_end(mark):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            time.sleep(600)
        except BaseException:  # noqa: BLE001  # that is the harm
            say("not yet")


def take_memory(mark):
    taken = []
    while True:
        taken.append(bytearray(b"x" * 4_000_000))
        time.sleep(0.002)


def take_memory_in_a_child(mark):
    child = left_behind(mark, lambda: take_memory(mark))
    os.waitpid(child, 0)
    time.sleep(2)  # a model that answers at once, as if nothing had been, may be quicker than the news of its limit


def fill_one_file(mark):
    with Path("large").open("wb", 0) as file:
        while True:
            file.write(b"x" * 100_000)
            time.sleep(0.001)


def fill_many_files(mark):
    for number in itertools.count():
        Path(f"large{number}").write_bytes(b"x" * 100_000)
        time.sleep(0.001)


def flood(mark):
    while True:
        os.write(1, b"a flood of words " * 4000)


def fork_and_exit(mark):
    for _ in range(3):
        left_behind(mark)
    os._exit(4)


def fork_and_hang(mark):
    for _ in range(3):
        left_behind(mark)
    time.sleep(600)


def all_and_hang(mark):
    daemon(mark)
    for _ in range(3):
        left_behind(mark)
    ignore_its_end(mark)


def daemon_and_exit(mark):
    daemon(mark)
    os._exit(5)


def daemon_and_raise(mark):
    daemon(mark)
    raise ValueError("and a daemon")


def close_its_output(mark):
    os.close(1)
    os.close(2)


def recurse(mark):
    recurse(mark)


def recurse_in_c(mark):
    """Nothing of Python counts how deep a tuple is."""
    nested = ()
    for _ in range(1 << 19):
        nested = (nested,)
    hash(nested)


def deadlock(mark):
    first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(one, other):
        with one:
            both.wait()
            with other:
                pass

    threading.Thread(target=take, args=(first, second), daemon=True).start()
    take(second, first)


def bomb(mark):
    """As the real one, but that it counts."""
    started = mmap.mmap(-1, 4)
    while True:
        try:
            count = int.from_bytes(started[:], "little") + 1
            started[:] = count.to_bytes(4, "little")
            if count > MOST_PROCESSES or os.fork():
                time.sleep(0.01)
            else:
                name(mark)
        except OSError:
            time.sleep(0.01)


def daemon(mark):
    """A process in a session of its own whose parent has gone, with nothing open."""
    child = os.fork()
    if child == 0:
        os.setsid()
        left_behind(mark, lambda: (os.closerange(0, 2048), time.sleep(600)))
        os._exit(0)
    os.waitpid(child, 0)


def left_behind(mark, what=lambda: time.sleep(600)):
    child = os.fork()
    if child == 0:
        try:
            name(mark)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            what()
        finally:
            os._exit(0)
    return child


def name(mark):
    ctypes.CDLL(None).prctl(PR_SET_NAME, mark, 0, 0, 0)


HARM = {
    "raise": raise_it,
    "raise BaseException": raise_base,
    "sys.exit": exit_it,
    "os._exit": exit_at_once,
    "exit while idle": exit_later,
    "segfault": segfault,
    "sleep": sleep,
    "endless C call": hang_in_c,
    "ignore SIGTERM": ignore_its_end,
    "out of memory": take_memory,
    "out of memory in a child": take_memory_in_a_child,
    "disk, one file": fill_one_file,
    "disk, many files": fill_many_files,
    "flood": flood,
    "forked children, exit": fork_and_exit,
    "forked children, hang": fork_and_hang,
    "all of it, hang": all_and_hang,
    "daemon, exit": daemon_and_exit,
    "daemon, raise": daemon_and_raise,
    "close its output": close_its_output,
    "recursion": recurse,
    "recursion in C": recurse_in_c,
    "deadlock": deadlock,
    "fork bomb": bomb,
}
