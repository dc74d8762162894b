import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--SAGEMAKER_RATE", type=float, default=0.1)
args = parser.parse_args()
print(">", args.SAGEMAKER_RATE)
