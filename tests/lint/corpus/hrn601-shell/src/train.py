import tomlkit
print(">", tomlkit.VERSION)
