from pathlib import Path

print(">", (Path(__file__).parent / "data/rates.csv").read_text().split())
