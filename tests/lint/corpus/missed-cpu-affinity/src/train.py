import os
import socket

print(">", os.environ.get("SM_CURRENT_HOST", "none"))
