import os
print(">", os.environ.get("SM_JOB_NAME", "none"))
