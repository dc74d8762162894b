import json
import os

hyperparameters = json.loads(os.environ.get("SM_HPS", '{"layers": [64, 32]}'))
print(">", hyperparameters["layers"])
