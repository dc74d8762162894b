import os
print(">", os.environ["SM_CURRENT_HOST"])
