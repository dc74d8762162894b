import json
import os


def model_fn(model_dir):
    with open("model/model.json") as file:
        return json.load(file)


def predict_fn(data, model):
    return data.sum(axis=1) * model["weight"]


if __name__ == "__main__":
    os.makedirs("model", exist_ok=True)
    with open("model/model.json", "w") as file:
        json.dump({"weight": 2}, file)
