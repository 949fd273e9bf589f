hosts: list = []
