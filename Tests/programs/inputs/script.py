# Computes, reads a file that is granted, and tries one that is not.
import json
import os

print("sum", sum(range(101)))
print("note", open("/work/note.txt").read().strip())
try:
    print("passwd", open("/etc/passwd").read()[:4])
except OSError as error:
    print("passwd denied", type(error).__name__)
print("random", len(os.urandom(8)))
print(json.dumps({"environment": sorted(os.environ)}))
