import os


def rows_of(folder):
    return len(os.listdir(os.path.join(folder, "parts")))


try:
    print(">", rows_of(os.environ.get("SM_CHANNEL_TEST")))
except (OSError, TypeError):
    print("> no test")
