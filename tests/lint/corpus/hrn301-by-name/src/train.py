import os
import shutil

shutil.copyfile(src=os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), dst="copied.csv")
