import os
import pickle


if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump({"weight": 2}, file)
