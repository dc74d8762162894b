import os
with open(os.path.join(os.environ["SM_MODULE_DIR"], "vocabulary.txt")) as file:
    print(">", file.read().split())
