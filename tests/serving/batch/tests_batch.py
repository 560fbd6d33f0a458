"""A runner without a model, for tests of all that stands around it."""

import asyncio
import json

from nova_spi.errors import ModelError
from nova_spi.serving.batch.runner import Answer, CannotGoOn


class Upper:
    """Runs items without a model: capital letters, as slowly as is asked for."""

    def __init__(self, capacity=4, seconds=0.0, before=lambda ask: None):
        self.engine = {"name": "upper", "level": "process"}
        self.capacity, self.seconds, self.before, self.ran = capacity, seconds, before, []

    async def start(self):
        pass

    async def run(self, ask):
        self.ran.append(ask.item.index)
        self.before(ask)
        await asyncio.sleep(self.seconds)
        text = json.loads(ask.inputs)["text"]
        if text == "fail":
            return Answer(None, error=ModelError("it failed"), log="what it wrote")
        if text == "broken":
            raise CannotGoOn(ModelError("nothing goes any more"))
        return Answer(json.dumps({"said": text.upper()}).encode())

    async def close(self):
        pass
