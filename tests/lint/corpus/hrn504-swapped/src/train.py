import os
import pickle

from doubler import Doubler


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def predict_fn(model, data):
    return model.predict(data)


if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump(Doubler(), file)
