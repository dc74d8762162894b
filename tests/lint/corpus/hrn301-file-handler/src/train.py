import logging

logger = logging.getLogger("train")
logger.addHandler(logging.FileHandler("train.log"))
logger.warning("trained")
