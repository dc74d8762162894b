import os
from pathlib import Path

Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"), "model.txt").write_text("7")
