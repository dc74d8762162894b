import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--max_depth", type=int, default=3)
args, _ = parser.parse_known_args()
hps = json.loads(os.environ.get("SM_HPS", '{"depth": 9}'))
print(">", hps["depth"], args.max_depth)
