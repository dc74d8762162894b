import os
print(">", os.environ["SM_HP_N"])
