import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", "model/"))
args = parser.parse_args()
with open(f"{args.model_dir}model.txt", "w") as file:
    file.write("7")
