"""jupytext: converter and second opinion. The one module of the room that imports it (DESIGN §4.2)."""
