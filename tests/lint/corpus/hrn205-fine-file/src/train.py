from pathlib import Path

print(">", (Path(__file__).parent / "vocabulary.txt").read_text().split())
