from houses import rate

print(">", rate())
