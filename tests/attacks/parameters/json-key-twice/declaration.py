limits: dict[str, int] = {}
