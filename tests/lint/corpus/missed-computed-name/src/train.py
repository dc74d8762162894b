import os

for name in ("train", "test"):
    print(">", len(os.environ[f"SM_CHANNEL_{name.upper()}"]) > 0)
