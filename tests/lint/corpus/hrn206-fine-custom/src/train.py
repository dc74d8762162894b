import os
print(">", os.environ["SM_CUSTOM"])
