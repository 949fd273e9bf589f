host: str = "web1"
wait: int = 30
