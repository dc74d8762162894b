import signal
import sys
import time


def stop(number, frame):
    print("> stopped", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print("> ready", flush=True)
for _ in range(20):
    time.sleep(0.05)
print("> done")
