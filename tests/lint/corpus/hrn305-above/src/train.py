from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data" / "train"
print(">", (DATA / "rows.csv").read_text().split())
