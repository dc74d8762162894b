from pathlib import Path

test = Path("/opt/ml/input/data/test")
print(">", test.exists())
