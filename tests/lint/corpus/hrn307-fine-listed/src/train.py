import os
from pathlib import Path

for path in sorted(Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir()):
    print(">", path.read_text().split())
