import os

folder = "/opt/ml/checkpoints"
os.makedirs(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "steps"), exist_ok=True)
if os.path.isdir(folder):
    with open(os.path.join(folder, "step.txt"), "w") as file:
        file.write("3")
print("> done")
