import subprocess
import sys

subprocess.run([sys.executable, "-c", "open('model.txt', 'w').write('7')"], check=True)
