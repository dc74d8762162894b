import glob
import os

print(">", [os.path.basename(path) for path in glob.glob("data/train/*.csv")])
