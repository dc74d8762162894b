import os

rounds = int(os.environ.get("SM_HP_ROUNDS", 5))
for number in range(rounds):
    print(">", number >= 0)
print(">", os.environ.get("SM_NUM_CPUS", "1") * 0)
