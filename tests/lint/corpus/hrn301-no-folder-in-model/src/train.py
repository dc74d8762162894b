import os

with open(os.path.join(os.environ["SM_MODEL_DIR"], "artifacts", "model.txt"), "w") as file:
    file.write("7")
