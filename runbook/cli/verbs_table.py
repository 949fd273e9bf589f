"""The table of verbs: which module has each one, and its one line of help. Loaded for `--help` alone.

A verb's module is imported when it is called and not before: `--help` and `status` stay as light as the
program without the other thirty.
"""

import contextlib
import difflib
import importlib
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from runbook.cli.folding import FEWEST_COLUMNS
from runbook.cli.narrow_help import Context
from runbook.errors import UsageError

FIRST = "Every day"
_WRONG_WORDS: Any = typer.BadParameter.__bases__[0]  # typer shows its own kind of these, but not their family
_TYPERS_FEWEST = 52
_OF_VERBS = "`runbook --help` lists the verbs; a verb's own options stand behind it"
_LISTS = {
    "EXECUTION": "`runbook status` lists the runs that live, `runbook history` the others",
    "NAME": "`runbook list` lists the runbooks",
}


class Verb(NamedTuple):
    module: str
    group: str
    help: str


VERBS: dict[str, Verb] = {
    "init": Verb("write", FIRST, "Make a workspace: settings, policy, signers, an example."),
    "create": Verb("write", FIRST, "Write a new runbook from a template."),
    "edit": Verb("write", FIRST, "Open a runbook in $EDITOR."),
    "review": Verb("approve", FIRST, "See what will run, and sign it."),
    "run": Verb("execute", FIRST, "Run a runbook, step by step or unattended."),
    "verify": Verb("approve", FIRST, "Ask for the verdict on runbooks or executions."),
    "history": Verb("evidence", FIRST, "List past executions."),
    "list": Verb("read", "Runbooks", "List the runbooks, with approvals and last run."),
    "show": Verb("read", "Runbooks", "Show a runbook, or an execution."),
    "find": Verb("read", "Runbooks", "Find runbooks by words in them."),
    "lint": Verb("read", "Runbooks", "Report findings; exit 1 when there are any."),
    "fmt": Verb("write", "Runbooks", "Write the normal form."),
    "convert": Verb("write", "Runbooks", "Convert between .py, .ipynb and .md."),
    "statement": Verb("approve", "Approvals", "Print the bytes that an approval signs."),
    "withdraw": Verb("approve", "Approvals", "Take an approval back."),
    "plan": Verb("execute", "Executions", "Write down what would run, and run nothing."),
    "status": Verb("watching", "Executions", "List the runs that live now."),
    "attach": Verb("living", "Executions", "Come back to a run: what was missed, and its prompt."),
    "stop": Verb("living", "Executions", "End a run after its step, or --now."),
    "confirm": Verb("seconding", "Executions", "Sign that a step of somebody else's run may run."),
    "resume": Verb("living", "Executions", "Go on with a run whose supervisor died."),
    "undo": Verb("living", "Executions", "Take back what a run did, in reverse order."),
    "audit": Verb("evidence", "Executions", "Write or print the audit of an execution."),
    "deviations": Verb("deviating", "Executions", "List steps that ran edited, or make a patch of them."),
    "sync": Verb("pairs", "Pairs", "Bring texts and notebooks in step, once."),
    "watch": Verb("pairs", "Pairs", "Keep them in step while they are edited."),
    "resolve": Verb("pairs", "Pairs", "Settle what both sides changed."),
    "versions": Verb("pairs", "Pairs", "List what is kept of a pair."),
    "restore": Verb("pairs", "Pairs", "Put an old version back."),
    "diff": Verb("pairs", "Pairs", "Compare versions, texts, or executions."),
    "hook": Verb("hook", "Pairs", "Check what is about to be committed or pushed."),
    "doctor": Verb("about", "Program", "Say what is installed and what is wrong."),
    "config": Verb("about", "Program", "Show each setting and where it came from."),
    "demo": Verb("about", "Program", "Go the whole way in a throw-away workspace."),
    "version": Verb("about", "Program", "Print the version."),
}


class Verbs(TyperGroup):
    """The root command: finds a verb's module by the table."""

    context_class = Context

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module = importlib.import_module(f"runbook.cli.{verb.module}")
        command = typer.main.get_group(module.app).commands[cmd_name]
        command.context_class = Context
        return command

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Typer makes its help fit a terminal, but never one below 52 columns."""
        columns = shutil.get_terminal_size().columns
        if columns < _TYPERS_FEWEST:
            extra["terminal_width"] = max(columns, FEWEST_COLUMNS)
        with _our_words(None):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _our_words(ctx):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], VERBS, 1, 0.5)
            words = f"did you mean '{close[0]}'?" if close else "`runbook --help` lists the verbs"
            raise UsageError(f"there is no verb '{args[0]}'", hint=words)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for group in dict.fromkeys(verb.group for verb in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl([(name, verb.help) for name, verb in VERBS.items() if verb.group == group])


@contextlib.contextmanager
def _our_words(ctx: Any) -> Iterator[None]:
    """Words that the program or a verb does not take are said as every other error is, with `--json`, too.
    `ctx`: knows the verb, once there is one."""
    try:
        yield
    except _WRONG_WORDS as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # no word at all: typer prints the help
            raise
        raise _usage(error, verb=None if ctx is None else ctx.invoked_subcommand) from error


def _usage(error: Any, *, verb: str | None) -> UsageError:
    """What is wrong with the words, at which verb, and where to look: in its help, or for a missing name."""
    path = f"runbook {verb}" if verb else "runbook"
    message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    metavar = getattr(getattr(error, "param", None), "metavar", None)
    is_missing = message.startswith("Missing argument")
    hint = _LISTS.get(metavar or "") if is_missing else None
    if verb == "create" and "extra argument" in message:
        hint = "a title of several words stands in quotes"
    help_of = f"`{path} --help` lists what it takes" if verb else _OF_VERBS
    return UsageError(message[:1].lower() + message[1:], subject=path, hint=hint or help_of)
