__class__ = "x"
host: str = "web1"
wait: int = 30
