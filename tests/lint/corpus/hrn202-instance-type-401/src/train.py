import os
print(">", len(os.environ["SM_CURRENT_INSTANCE_TYPE"]) > 0)
