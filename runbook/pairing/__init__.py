"""Keeping `.py` and `.ipynb` in step, both ways, without losing an edit."""
