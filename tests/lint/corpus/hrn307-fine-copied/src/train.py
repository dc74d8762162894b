import os
import shutil

shutil.copy(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), os.environ["SM_MODEL_DIR"])
