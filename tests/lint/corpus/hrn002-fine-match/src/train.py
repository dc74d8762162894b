import os
match os.environ.get("SM_CURRENT_HOST", "algo-1").partition("-"):
    case (name, _, number):
        print(">", name)
