"""What IPython would rewrite before it runs it: what is Python as it stands runs as it stands."""

from pathlib import Path

from tests.execution.kernel_runs import Running, with_kernel

SOURCES = (
    'kept = """one\n    \ntwo"""\nprint(repr(kept))',  # IPython empties blank lines, in strings too
    '    # a comment to the right of the code\ndeep = """\n    four\n"""\nprint(repr(deep))',
    'told = """\n>>> first\n... second\n"""\nprint(repr(told))',
    'told = """\nIn [1]: first\n   ...: second\n"""\nprint(repr(told))',
    "time = 4\nleft = (9\n%time)\nprint(left)",  # the rest of nine by four, and no magic
    'print(repr("a %ls\\\n%pwd"))',
)


def test_code_runs_as_it_was_reviewed(home: Path) -> None:
    async def body(kernel: Running) -> None:
        for source in SOURCES:
            reply = await kernel.run(source)
            assert reply.state == "succeeded", (source, reply)

    printed = with_kernel(home, body).text()

    expected = []
    for source in SOURCES:
        exec(compile(source, "<reviewed>", "exec"), {"print": lambda words: expected.append(f"{words}\n")})
    assert printed == "".join(expected)


def test_a_line_alone_is_no_call_and_looks_nothing_up_twice(home: Path) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("%autocall 2")
        await kernel.run(
            "class Trap:\n"
            "    @property\n"
            "    def hidden(self):\n"
            "        print('looked')\n"
            "        return self\n"
            "    def __call__(self, *given):\n"
            "        print('called')\n"
            "trap = Trap()"
        )
        await kernel.run("trap.hidden")

    printed = with_kernel(home, body).text()

    assert printed.count("looked") == 1
    assert "called" not in printed
