"""Text in, text out, in MLflow; as a program it saves the model, as the documentation's models from code."""

import sys

import mlflow
from answering import answer


class Echo(mlflow.pyfunc.PythonModel):
    """The model."""

    def predict(self, model_input: list[str]) -> list[str]:
        """Gives back the prompts."""
        return [answer(prompt) for prompt in model_input]


mlflow.models.set_model(Echo())

if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, code_paths=["answering.py"], pip_requirements=[])
