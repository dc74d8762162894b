from houses.local_settings import RATE

print(">", RATE)
