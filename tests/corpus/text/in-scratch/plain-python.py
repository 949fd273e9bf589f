import os


def f():
    return 1


print(f(), os.name)
