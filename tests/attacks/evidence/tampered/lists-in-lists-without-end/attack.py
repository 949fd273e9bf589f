import json
from forger import change, reseal
def bend(line):
    if line["type"] == "display_data":
        line["content"]["data"] = json.loads("[" * 600 + "]" * 600)
change("message", bend)
reseal()
