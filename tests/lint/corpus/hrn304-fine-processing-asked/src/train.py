from pathlib import Path

rows = Path("/opt/ml/processing/input/rows.csv")
print(">", rows.read_text() if rows.exists() else "none")
