from pathlib import Path

for name in ("tree", "forest"):
    print(">", (Path(__file__).parent / f"settings/{name}.json").read_text().strip())
