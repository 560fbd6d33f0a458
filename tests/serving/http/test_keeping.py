import asyncio
import gc
import time
import weakref

import pytest

from nova_spi.errors import ModelError, UsageError
from nova_spi.serving.calls import Call, Execution, InputFile, OutputFile
from nova_spi.serving.http.idempotency import MOST_CHARACTERS, Keys, checked, digest
from nova_spi.serving.http.keeping import PER_EXECUTION, PER_FILE, Bounds, Executions


def kept_by(folder, scenario, **bounds):
    async def run():
        store = Executions(folder, Bounds(**bounds))
        await scenario(store)
        await store.close()

    asyncio.run(run())


def begin(store, *, inputs=b"{}", lasting=False):
    return store.add(Execution(Call("run", inputs), asyncio.get_running_loop()), lasting=lasting)


def end(store, kept, *, outputs=b"{}", files=(), error=None):
    execution = kept.execution
    execution.outputs = outputs
    execution.files = {"files": tuple(files)} if files else {}
    execution.end("failed" if error else "succeeded", error)
    store.ended(execution)
    return execution.id


def test_the_oldest_that_have_ended_go_first_and_those_that_go_on_stay(tmp_path):
    async def scenario(store):
        running = begin(store)
        ids = [end(store, begin(store)) for _ in range(10)]
        assert [store.get(each) is not None for each in ids] == [False] * 6 + [True] * 4
        assert store.get(running.execution.id) is running
        assert len(store) == 5

    kept_by(tmp_path, scenario, count=4)


def test_memory_is_bounded_and_the_newest_stays_however_large(tmp_path):
    async def scenario(store):
        ids = [end(store, begin(store), outputs=b"x" * 20_000) for _ in range(5)]
        assert [store.get(each) is not None for each in ids] == [False] * 3 + [True] * 2
        large = end(store, begin(store), outputs=b"x" * 1_000_000)
        assert store.get(large) is not None
        assert len(store) == 1
        assert store.get(end(store, begin(store))) is not None
        assert store.get(large) is None

    kept_by(tmp_path, scenario, memory_bytes=2 * (20_000 + PER_EXECUTION))


def test_errors_count_as_memory_too(tmp_path):
    async def scenario(store):
        for _ in range(5):
            end(store, begin(store), outputs=None, error=ModelError("no", traceback="x" * 10_000))
        assert len(store) == 2

    kept_by(tmp_path, scenario, memory_bytes=2 * (10_500 + PER_EXECUTION))


def test_files_are_bounded_and_go_with_their_execution(tmp_path):
    async def scenario(store):
        ids = []
        for _ in range(4):
            kept = begin(store)
            path = tmp_path / kept.execution.id / "outputs" / "a"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"x" * 100)
            ids.append(end(store, kept, files=[OutputFile(path, "outputs/a", 100)]))
        await store.close()
        assert [(tmp_path / each).exists() for each in ids] == [False, False, True, True]

    kept_by(tmp_path, scenario, file_bytes=250)


def test_what_is_too_old_is_gone(tmp_path):
    async def scenario(store):
        old = end(store, begin(store))
        await asyncio.sleep(0.3)
        new = end(store, begin(store))
        assert store.get(old) is not None
        await asyncio.sleep(0.3)
        assert len(store) == 1  # and nobody has asked
        assert store.get(new) is not None
        await asyncio.sleep(0.3)
        assert store.get(new) is None

    kept_by(tmp_path, scenario, seconds=0.5)


def test_a_clock_that_jumps_makes_nothing_old(tmp_path, monkeypatch):
    async def scenario(store):
        kept = end(store, begin(store))
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 10_000_000)
        assert store.get(end(store, begin(store))) is not None
        await asyncio.sleep(0.05)
        assert store.get(kept) is not None

    kept_by(tmp_path, scenario)


def test_many_files_count_as_memory_too_and_the_inputs_of_what_has_ended_do_not(tmp_path):
    async def scenario(store):
        for _ in range(5):
            file = InputFile(tmp_path / "a", "a")
            kept = store.add(Execution(Call("run", b"{}", {"files": (file,) * 1000}), asyncio.get_running_loop()))
            end(store, kept, files=[OutputFile(tmp_path / "a", "a", 0)] * 100)
            assert not kept.execution.call.files
        assert len(store) == 2

    kept_by(tmp_path, scenario, memory_bytes=2 * (100 * PER_FILE + PER_EXECUTION + 10))


def test_the_inputs_of_what_has_ended_are_let_go(tmp_path):
    async def scenario(store):
        kept = begin(store, inputs=b"x" * 100_000)
        assert store.pending_bytes == 100_000
        end(store, kept)
        assert store.pending_bytes == 0
        assert kept.execution.call.inputs == b"{}"

    kept_by(tmp_path, scenario)


def test_an_execution_that_is_let_go_is_gone_without_a_collection(tmp_path):
    class Watched(Execution):
        __slots__ = ("__weakref__",)

    async def scenario(store):
        execution = Watched(Call("run"), asyncio.get_running_loop())
        gone = weakref.ref(execution)
        kept = store.add(execution)
        end(store, kept)
        await asyncio.sleep(0)
        del execution, kept
        end(store, begin(store))
        await asyncio.sleep(0)
        assert gone() is None

    gc.disable()
    try:
        kept_by(tmp_path, scenario, count=1)
    finally:
        gc.enable()


@pytest.mark.parametrize(("lasting", "cancelled"), [(False, True), (True, False)])
def test_the_last_who_goes_ends_what_nobody_will_come_for(tmp_path, lasting, cancelled):
    async def scenario(store):
        ends = []
        kept = begin(store, lasting=lasting)
        kept.execution.on_cancel = lambda: ends.append(True)
        with kept.awaited():
            with kept.awaited():
                pass
            assert not ends
        assert bool(ends) is cancelled

    kept_by(tmp_path, scenario)


def test_who_goes_after_the_end_ends_nothing(tmp_path):
    async def scenario(store):
        ends = []
        kept = begin(store)
        with kept.awaited():
            end(store, kept)
            kept.execution.on_cancel = lambda: ends.append(True)
        assert not ends

    kept_by(tmp_path, scenario)


def test_what_ends_before_it_is_taken_in_has_ended(tmp_path):
    async def scenario(store):
        execution = Execution(Call("run"), asyncio.get_running_loop())
        execution.end("cancelled")
        store.add(execution)
        store.remove(execution.id)
        assert len(store) == 0

    kept_by(tmp_path, scenario)


def test_what_goes_on_is_not_removed(tmp_path):
    async def scenario(store):
        kept = begin(store)
        store.remove(kept.execution.id)
        assert store.get(kept.execution.id) is kept

    kept_by(tmp_path, scenario)


def test_keys_go_with_their_executions(tmp_path):
    async def scenario(store):
        keys = Keys()
        store.on_forget.append(keys.forget)
        for number in range(5):
            identifier = end(store, begin(store))
            keys.remember(b"key %d" % number, b"digest", identifier)
        assert len(keys) == 2
        assert keys.find(b"key 0", b"digest") is None
        assert keys.find(b"key 4", b"digest") == identifier
        with pytest.raises(UsageError):
            keys.find(b"key 4", b"another")

    kept_by(tmp_path, scenario, count=2)


def test_a_key_is_visible_and_short():
    assert checked(b"a key") == b"a key"
    for bad in (b"", b" ", b"x" * (MOST_CHARACTERS + 1), b"a\x00", b"\xff"):
        with pytest.raises(UsageError):
            checked(bad)


def test_parts_of_a_request_do_not_run_into_each_other():
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
    assert digest([b"ab", b"c"]) == digest([b"ab", b"c"])


def test_a_key_stands_for_the_last_execution_that_was_begun_for_it():
    keys = Keys()
    keys.remember(b"key", b"digest", "never began")
    keys.remember(b"key", b"digest", "second")
    keys.forget("never began")
    assert keys.find(b"key", b"digest") == "second"
    keys.forget("second")
    assert len(keys) == 0
