import os
print(">", float(os.environ.get("SM_HP_LEARNING_RATE", "0.1")))
