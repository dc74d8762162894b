import os
with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "cleaned.csv"), "w") as file:
    file.write("1")
