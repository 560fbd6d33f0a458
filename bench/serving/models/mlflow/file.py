"""A file in, text out, in MLflow: Base64 in a column of type binary."""

import sys

import mlflow
import pandas
from answering import count
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema


class Counting(mlflow.pyfunc.PythonModel):
    """The model."""

    def predict(self, context: object, model_input: pandas.DataFrame) -> list[str]:
        """Counts the bytes."""
        return [count(data) for data in model_input["picture"]]


mlflow.models.set_model(Counting())

if __name__ == "__main__":
    signature = ModelSignature(inputs=Schema([ColSpec("binary", "picture")]), outputs=Schema([ColSpec("string")]))
    mlflow.pyfunc.save_model(
        sys.argv[1],
        python_model=__file__,
        code_paths=["answering.py"],
        pip_requirements=[],
        signature=signature,
    )
