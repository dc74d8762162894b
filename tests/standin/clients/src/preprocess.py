"""A user's processing script."""

from pathlib import Path

text = Path("/opt/ml/processing/input/in/data.csv").read_text()
Path("/opt/ml/processing/output/upper.csv").write_text(text.upper())
print("processed")
