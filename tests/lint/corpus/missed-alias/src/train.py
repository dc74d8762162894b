import os

environment = os.environ
print(">", len(environment["SM_CHANNEL_TEST"]) > 0)
