"""Every way in which a call can end, and that the next one is as if nothing had been."""

import pytest

TEXT = {"name": "text", "type": "string", "required": True}
DO = {"name": "do", "type": "string"}
INTERFACE = {"inputs": [DO], "outputs": [TEXT]}
# Does what the caller says: a test's words stay in the test.
ANYTHING = """
import asyncio, ctypes, gc, os, signal, sys, threading, time
kept = []
def deep():
    deep()
def predict(do):
    space = {"text": "fine"}
    exec(do, {**globals()}, space)
    return space["text"]
"""


@pytest.fixture
def anything(served):
    return served(ANYTHING, **INTERFACE)


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("raise ValueError('own')", "ValueError: own"),
        ("sys.exit(3)", "The model ended itself with sys.exit(3)."),
        ("sys.exit()", "The model ended itself with sys.exit(None)."),
        ("sys.exit('enough')", "enough"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise BaseException('base')", "BaseException: base"),
        ("raise asyncio.CancelledError", "CancelledError"),
        ("raise StopIteration(3)", "StopIteration: 3"),
        ("raise MemoryError", "MemoryError"),
        ("undefined", "NameError"),
        ("deep()", "RecursionError"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})", "cannot be shown"),
        ("raise ValueError('\\ud800 half')", "half"),
        ("sys.exit(type('Odd', (), {'__repr__': lambda self: 1 / 0})())", "SystemExit"),
        ("raise type('Odd', (Exception,), {'__traceback__': property(lambda self: 1 / 0)})", "Odd"),
    ],
)
def test_an_exception_is_one_failed_call(anything, do, message):
    error = anything.failure({"do": do})
    assert error["code"] == "model.error"
    assert message in error["message"]
    assert anything.call({"do": "text = 'next'"}) == {"text": "next"}


@pytest.mark.parametrize(
    ("do", "status"),
    [
        ("os._exit(3)", 3),
        ("os._exit(0)", 0),
        ("os.kill(os.getpid(), 9)", -9),
        ("ctypes.string_at(0)", -11),
        ("os.abort()", -6),
    ],
)
def test_what_ends_the_process_ends_the_worker(anything, do, status):
    anything.ask({"do": "sys.stdout.write('last words\\n'); " + do})
    assert anything.receive() is None
    assert anything.ended() == status
    anything.said("last words")


@pytest.mark.parametrize(
    "do",
    [
        "os.chdir('/')",
        "os.environ.clear()",
        "os.environ['SPI_COMMAND'] = 'other'",
        "sys.stdout = open(os.devnull, 'w'); kept.append(sys.stdout)",
        "sys.stdout.close()",
        "sys.stderr.close()",
        "sys.stdout = sys.stderr = None",
        "os.close(1)",
        "os.close(1); os.close(2); kept.append(open('taken', 'w'))",
        "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
        "os.closerange(3, 21)",
        "for n in {*signal.valid_signals()} - {9, 19, 32, 33}: signal.signal(n, signal.SIG_IGN)",
        "import socket; socket.setdefaulttimeout(0.001)",
        "sys.setrecursionlimit(200)",
        "gc.disable()",
        "import builtins; kept.append(builtins.print); builtins.print = None",
        "threading.Thread(target=time.sleep, args=(0.05,)).start()",
        "import logging; logging.shutdown(); logging.disable()",
        "import json; json.loads = json.dumps = None",
        "import warnings; warnings.simplefilter('error')",
        "sys.path.clear(); sys.modules.pop('nova_spi_runtime', None)",
        "os.umask(0o777)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    ],
)
def test_what_a_model_does_to_its_process_is_gone_at_the_next_call(anything, do):
    anything.call({"do": do})
    check = """
text = ' '.join([os.getcwd(), os.environ['SPI_COMMAND'], os.environ['SPI_EXECUTION_ID']])
sys.stdout.write('into the log\\n')
os.write(1, b'raw 1\\n')
os.write(2, b'raw 2\\n')
"""
    assert anything.call({"do": check}, id="next") == {"text": f"{anything.root} run next"}
    for words in ("into the log", "raw 1", "raw 2"):
        anything.said(words)
    anything.ask({"do": "time.sleep(60)"})
    anything.cancel()
    assert anything.answer()[1]["code"] == "run.cancelled"


def test_what_a_closed_log_had_still_to_write_is_not_lost(anything):
    anything.call({"do": "sys.stdout.write('half a line'); os.close(1)"})
    anything.said("half a line")


def test_a_log_that_a_model_sets_up_once_stays(served):
    code = """
import io, sys
class Tee(io.StringIO):
    def write(self, text):
        return sys.__stdout__.write(text.upper())
class Model:
    def setup(self):
        sys.stdout = Tee()
    def predict(self, do):
        sys.stdout.write(do)
        return type(sys.stdout).__name__
"""
    worker = served(code, "model:Model", **INTERFACE)
    assert worker.call({"do": "one\n"}) == worker.call({"do": "two\n"}) == {"text": "Tee"}
    worker.said("ONE\nTWO\n")


def test_what_native_code_prints_belongs_to_its_call(served, project, start_worker):
    code = (
        "import ctypes\nlibrary = ctypes.CDLL(None)\ndef predict(do):\n    library.puts(do.encode())\n    return do\n"
    )
    worker = served(code, **INTERFACE)
    worker.call({"do": "by C"})
    worker.said("by C\n")


def test_a_flood_of_output_waits_for_its_reader(project, start_worker):
    project.callable(ANYTHING, **INTERFACE)
    worker = start_worker(slowly=True)
    worker.ready()
    number = worker.ask({"do": "for n in range(20000): sys.stdout.write('x' * 99 + '\\n')"})
    worker.calls.settimeout(0.2)
    with pytest.raises(TimeoutError):
        worker.receive()
    worker.calls.settimeout(60)
    worker.flow()
    assert worker.answer(number) == ("R", {"text": "fine"})
    assert len(worker.log) >= 1_900_000


FORKED = """
import os
def predict(do):
    child = os.fork()
    if child == 0:
        if do == "returns":
            return "child"
        if do == "raises":
            raise ValueError("the child's own")
        if do == "writes":
            for descriptor in range(3, 1100):
                try:
                    os.write(descriptor, b"x" * 50)
                except OSError:
                    pass
            os._exit(0)
        from nova_spi_runtime import progress
        progress(0.5, "in the child")
        os._exit(0)
    return f"parent {os.waitpid(child, 0)[1] >> 8}"
"""


@pytest.mark.parametrize(("do", "status"), [("returns", 0), ("raises", 1), ("progress", 0)])
def test_a_child_that_the_model_forks_never_answers(served, do, status):
    worker = served(FORKED, **INTERFACE)
    for _ in range(3):
        number = worker.ask({"do": do})
        assert worker.receive() == ("R", number, {"text": f"parent {status}"})
    if do == "raises":
        worker.said("the child's own")
    if do == "progress":
        worker.said("progress 50%: in the child")


def test_a_child_has_no_descriptor_of_the_wire(served):
    worker = served(FORKED, **INTERFACE)
    assert worker.call({"do": "writes"}) == {"text": "parent 0"}
    assert worker.call({"do": "writes"}) == {"text": "parent 0"}


def test_processes_of_the_model_work_as_ever(served):
    code = """
import multiprocessing, subprocess, sys
def twice(n): return 2 * n
def predict(do):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(twice, range(4))
    words = subprocess.run([sys.executable, "-c", "print('sub')"], capture_output=True, text=True).stdout
    return f"{found} {words}"
"""
    worker = served(code, options={"PYTHONWARNINGS": "default"}, **INTERFACE)
    assert worker.call() == {"text": "[0, 2, 4, 6] sub\n"}
    assert worker.call() == {"text": "[0, 2, 4, 6] sub\n"}


def test_a_supervisor_that_goes_ends_the_worker_also_in_the_middle_of_a_call(anything):
    anything.ask({"do": "while True:\n    try: time.sleep(9)\n    except BaseException: pass"})
    assert anything.close() in (0, 1)


@pytest.mark.parametrize("forks", ["0", "1"])
def test_threads_of_the_model_do_not_outlive_the_supervisor(served, forks):
    code = """
import threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
def predict(do): return "fine"
"""
    worker = served(code, options={"SPI_WORKER_PROCESS_PER_CALL": forks}, **INTERFACE)
    assert worker.call() == {"text": "fine"}
    assert worker.close() == 1


def test_a_supervisor_that_goes_ends_an_idle_worker_with_status_zero(anything):
    anything.call({"do": "import atexit; atexit.register(lambda: os.write(2, b'bye'))"})
    assert anything.close() == 0
    assert b"bye" in anything.log
