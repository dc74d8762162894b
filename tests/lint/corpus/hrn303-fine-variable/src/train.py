import os
from pathlib import Path

Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("7")
