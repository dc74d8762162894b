import os
print(">", os.path.isdir(os.environ.get("SM_CHANNEL_TEST", "data/test")))
