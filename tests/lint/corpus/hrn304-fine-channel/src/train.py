import os

folder = os.environ.get("SM_CHANNEL_TRAIN", "/opt/ml/input/data/train")
print(">", os.listdir(folder))
