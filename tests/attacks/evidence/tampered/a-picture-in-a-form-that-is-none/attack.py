from forger import change, reseal
def bend(line):
    if line["type"] == "display_data":
        line["content"]["data"] = {"image/png": {"$blob": "0", "as": "nothing", "size": 1}}
change("message", bend)
reseal()
