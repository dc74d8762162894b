import json
import os

for name in sorted(json.loads(os.environ["SM_CHANNELS"])):
    print(">", name)
