import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--model", default=os.environ.get("SM_MODEL_DIR", "model.txt"))
args = parser.parse_args()
with open(args.model, "w") as file:
    file.write("7")
