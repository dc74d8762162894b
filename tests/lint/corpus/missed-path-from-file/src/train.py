from pathlib import Path

path = Path(__file__).with_name("path.txt").read_text().strip()
print(">", Path(path).read_text().split())
