where: Path
