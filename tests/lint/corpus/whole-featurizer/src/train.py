import io
import json
import os
import pickle

import numpy as np

SCALE = 2.0


def input_fn(body, content_type):
    if content_type == "application/json":
        return np.array(json.loads(body), dtype=float)
    if content_type == "text/csv":
        return np.loadtxt(io.StringIO(body), delimiter=",", ndmin=2)
    raise ValueError(f"{content_type} is not supported")


def predict_fn(data, model):
    return (data - model["mean"]) / SCALE


def output_fn(prediction, accept):
    return json.dumps(prediction.tolist()), "application/json"


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


if __name__ == "__main__":
    channel = os.environ["SM_CHANNEL_TRAIN"]
    rows = []
    for name in sorted(os.listdir(channel)):
        with open(os.path.join(channel, name)) as file:
            rows += [[float(cell) for cell in line.split(",")] for line in file]
    mean = [sum(column) / len(column) for column in zip(*rows)]
    print(">", mean)
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump({"mean": mean}, file)
