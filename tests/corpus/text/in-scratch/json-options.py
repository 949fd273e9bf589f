# %% {"tags": ["parameters"]}
x = 1

# %% Title {"name": "two", "slideshow": {"slide_type": "slide"}}
y = 2
