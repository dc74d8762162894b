import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--sagemaker_rate", type=float, required=True)
args = parser.parse_args()
print(">", args.sagemaker_rate)
