import os

rounds = os.environ.get("SM_HP_ROUNDS", 5)
if isinstance(rounds, str):
    rounds = int(rounds)
for number in range(rounds):
    print(">", number)
