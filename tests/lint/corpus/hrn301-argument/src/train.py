import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--model-dir", default=".")
args = parser.parse_args()
with open(os.path.join(args.model_dir, "model.txt"), "w") as file:
    file.write("7")
