import os
print(">", len(os.environ["SM_USER_ARGS"]) > 0)
