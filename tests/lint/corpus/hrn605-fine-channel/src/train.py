import os
print(">", os.path.basename(os.environ["SM_CHANNEL_DATA.V1"]))
