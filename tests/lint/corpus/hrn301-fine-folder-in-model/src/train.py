import os

folder = os.path.join(os.environ["SM_MODEL_DIR"], "artifacts")
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "model.txt"), "w") as file:
    file.write("7")
