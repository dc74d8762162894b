import glob
import os

folder = os.environ.get("SM_CHANNEL_TRAIN", os.path.expanduser("~/data"))
print(">", [os.path.basename(path) for path in glob.glob(os.path.join(folder, "*.csv"))])
