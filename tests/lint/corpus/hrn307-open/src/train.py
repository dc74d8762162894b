import os
with open(os.environ["SM_CHANNEL_TRAIN"]) as file:
    print(">", file.read().split())
