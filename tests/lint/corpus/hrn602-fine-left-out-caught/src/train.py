from houses import settings

print(">", settings.NAME)
