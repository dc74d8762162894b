import os
import pickle


class Doubler:
    def predict(self, rows):
        return rows.sum(axis=1) * 2


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def predict_fn(data, model):
    return model[0].predict(data)


if __name__ == "__main__":
    model = [Doubler()]
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump(model, file)
    print(">", model_fn(os.environ["SM_MODEL_DIR"])[0].__class__.__name__)
