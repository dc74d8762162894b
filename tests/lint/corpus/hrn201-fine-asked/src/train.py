import os
if "SM_CHANNEL_TEST" in os.environ:
    print(">", os.listdir(os.environ["SM_CHANNEL_TEST"]))
print("> trained")
