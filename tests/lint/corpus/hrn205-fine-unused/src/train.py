import os
print(">", "SM_MODULE_DIR" in os.environ, bool(os.environ["SM_MODULE_DIR"]))
