python -m pip install --quiet -r requirements.txt
printf "> trained\n"
