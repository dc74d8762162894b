import os

rounds = os.environ.get("SM_HP_ROUNDS", 3)
for number in range(rounds):
    print(">", number)
