from pathlib import Path

Path("artifacts/model.txt").write_text("7")
