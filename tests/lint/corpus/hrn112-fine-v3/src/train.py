import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--sagemaker_rate", type=float, default=0.1)
args = parser.parse_args()
print(">", args.sagemaker_rate)
