"""What people review. Pure but for one edge: `notebook`, the only module that imports jupytext."""
