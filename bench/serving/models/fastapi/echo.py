"""Text in, text out, in FastAPI on uvicorn: the model in the server's own process, the floor of the comparison."""

from answering import answer
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Asked(BaseModel):
    """What comes."""

    prompt: str


@app.post("/predict")
async def predict(asked: Asked) -> dict[str, str]:
    """Gives back the prompt."""
    return {"output": answer(asked.prompt)}


@app.get("/health")
async def health() -> dict[str, str]:
    """Says that the server is there."""
    return {"status": "ok"}
