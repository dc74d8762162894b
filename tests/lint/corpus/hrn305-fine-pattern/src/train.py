import glob
import os
from pathlib import Path

here = os.path.dirname(os.path.abspath(__file__))
print(">", sorted(os.path.basename(path) for path in glob.glob(os.path.join(here, "settings", "*.json"))))
print(">", [path.name for path in Path(__file__).parent.rglob("tree*.json")])
