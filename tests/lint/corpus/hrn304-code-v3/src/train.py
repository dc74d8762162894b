import os

print(">", os.listdir("/opt/ml/code"))
