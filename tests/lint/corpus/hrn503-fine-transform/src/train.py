import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)



def transform_fn(model, data, content_type, accept):
    return "[2]", accept


if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump({"weight": 2}, file)
    print(">", model_fn(os.environ["SM_MODEL_DIR"])["weight"])
