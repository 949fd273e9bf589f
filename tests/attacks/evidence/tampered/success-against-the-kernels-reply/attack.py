from forger import change, render_and_seal
def refuse(line):
    if line["type"] == "execute_reply":
        line["content"]["status"] = "error"
change("message", refuse)
render_and_seal()
