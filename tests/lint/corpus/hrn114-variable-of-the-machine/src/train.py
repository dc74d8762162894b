import os


def workers():
    return os.environ.get("SM_NUM_CPUS", 4) // 2


print(">", workers() > 0)
