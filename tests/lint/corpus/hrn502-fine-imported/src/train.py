import os
import pickle
from handlers import model_fn, predict_fn


if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump({"weight": 2}, file)
    print(">", model_fn(os.environ["SM_MODEL_DIR"])["weight"])
