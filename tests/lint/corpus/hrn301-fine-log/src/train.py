import logging
import os

logging.basicConfig(filename=os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "train.log"), level=logging.INFO)
logging.info("trained")
