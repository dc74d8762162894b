cd "$(dirname "$0")"
python3 train.py
