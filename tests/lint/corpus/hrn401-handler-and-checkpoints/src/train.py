import os
import signal
import sys
import time
from pathlib import Path


def stop(number, frame):
    print("> stopped", flush=True)
    sys.exit(0)


folder = Path(os.environ.get("CHECKPOINTS", "/opt/ml/checkpoints"))
folder.mkdir(exist_ok=True)
signal.signal(signal.SIGTERM, stop)
print("> ready", flush=True)
for step in range(20):
    (folder / "step.txt").write_text(str(step))
    time.sleep(0.05)
print("> done")
