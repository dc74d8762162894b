import os

if os.environ.get("SM_CHANNEL_TEST"):
    print(">", len(os.listdir(os.environ["SM_CHANNEL_TEST"])))
folder = os.environ["SM_CHANNEL_EVAL"] if os.getenv("SM_CHANNEL_EVAL") else None
print(">", folder)
