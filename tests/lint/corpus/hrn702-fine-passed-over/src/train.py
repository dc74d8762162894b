import json
import os

for name in sorted(json.loads(os.environ["SM_CHANNELS"])):
    if name not in ("code", "sm_drivers"):
        print(">", name)
