"""A user's script: trains where it is told to, serves what it has trained, and says how it was called."""

import json
import os
import sys

import joblib


def model_fn(folder):
    return joblib.load(os.path.join(folder, "model.joblib"))


if __name__ == "__main__":
    from sklearn.tree import DecisionTreeClassifier

    seen = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
    print("SEEN " + json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "environment": seen}), flush=True)
    model = DecisionTreeClassifier().fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [0, 0, 1, 1])
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
