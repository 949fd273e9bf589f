# The honest limit: whoever can write the folder and knows the formats can make all of it, until it is signed.
from forger import change, render_and_seal
change("note", lambda line: line.update(words="nothing happened"))
render_and_seal()
