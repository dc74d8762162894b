from pathlib import Path

print(">", Path("~/rows.csv").expanduser().read_text().split())
