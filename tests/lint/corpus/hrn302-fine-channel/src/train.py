import os

folder = os.environ.get("SM_CHANNEL_TRAIN", "/mnt/data")
with open(os.path.join(folder, "rows.csv")) as file:
    print(">", file.read().split())
