import os
print(">", float(os.environ["SM_HP_LEARNING-RATE"]))
