import os
import sys

if "--elsewhere" not in sys.argv:
    os.environ["SM_CHANNEL_TEST"] = os.environ["SM_CHANNEL_TRAIN"]
print(">", os.path.isdir(os.environ["SM_CHANNEL_TEST"]))
