import os
print(">", os.environ.get("SM_CHANNEL_TEST"))
