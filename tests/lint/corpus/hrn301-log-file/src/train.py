import logging

logging.basicConfig(filename="train.log", level=logging.INFO)
logging.info("trained")
