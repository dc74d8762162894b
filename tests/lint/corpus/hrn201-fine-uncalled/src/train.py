import os


def evaluate():
    return os.listdir(os.environ["SM_CHANNEL_TEST"])


print("> trained")
