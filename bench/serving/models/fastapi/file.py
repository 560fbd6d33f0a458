"""A file in, text out, in FastAPI: a multipart upload."""

from answering import count
from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/predict")
async def predict(picture: UploadFile) -> dict[str, str]:
    """Reads the file."""
    return {"output": count(await picture.read())}


@app.get("/health")
async def health() -> dict[str, str]:
    """Says that the server is there."""
    return {"status": "ok"}
