from forger import change, render_and_seal
def swap(line):
    if line["type"] == "execute_input":
        line["content"]["code"] = "import os"
change("message", swap)
render_and_seal()
