import fasta

print(">", fasta.LETTERS)
