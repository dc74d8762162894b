import os
print(">", len(os.environ["SM_JOB_NAME"]) > 0)
