"""What is measured, against which peer, with one command: `make bench`, or `python -m benchmarks [NAME …]`.

One module per budget of DESIGN §11. Each has `rows(runs) -> Iterator[Row]`: it makes its own material in a
throw-away folder, measures our side and the peer's in turns in the same process of measuring, and gives the
medians. Ratios count, not seconds: those belong to the machine, whose facts are printed above the table.
"""
