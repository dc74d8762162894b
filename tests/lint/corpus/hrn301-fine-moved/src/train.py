import os
import shutil
from pathlib import Path

model, output = os.environ["SM_MODEL_DIR"], os.environ["SM_OUTPUT_DATA_DIR"]
with open("model.txt", "w") as file:
    file.write("2")
shutil.move("model.txt", model)
os.makedirs("reports", exist_ok=True)
Path("reports/one.txt").write_text("1")
shutil.move("reports", output)
print(">", sorted(os.listdir(model)), sorted(os.listdir(output)))
