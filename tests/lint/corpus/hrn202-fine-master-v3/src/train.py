import os
print(">", len(os.environ["SM_MASTER_ADDR"]) > 0)
