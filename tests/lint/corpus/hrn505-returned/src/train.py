import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def predict_fn(data, model):
    return data.sum(axis=1) * model["weight"]


class Doubler:
    def predict(self, rows):
        return rows.sum(axis=1) * 2


def make():
    return Doubler()


if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump(make(), file)
    print(">", model_fn(os.environ["SM_MODEL_DIR"]).__class__.__name__)
