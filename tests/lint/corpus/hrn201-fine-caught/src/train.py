import os

try:
    test = os.environ["SM_CHANNEL_TEST"]
except KeyError:
    test = None
print(">", test)
