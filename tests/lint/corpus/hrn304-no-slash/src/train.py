import os

folder = os.environ["SM_CHANNEL_TRAIN"]
with open(f"{folder}rows.csv") as file:
    print(">", file.read().split())
