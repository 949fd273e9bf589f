"""Passing: which variables of the operator's environment a header's `env:` may name (DESIGN §7.2). Pure.

The header is reviewed, the values are not: whoever starts the run has them. So a variable that makes a
loader, an interpreter or a tool run code, or that hands over what the run keeps away from steps, is refused
by its name, whatever its value is. The list is fixed in the source; it can't be complete (any program may
have such a variable of its own), and is no reason not to look at `env:` when reviewing.
"""

_LOADS_CODE = "its value decides which code runs, and nobody reviews values"
_NAMES = {
    "SSH_AUTH_SOCK": "it leads to keys that can sign approvals; say `agent: true`, which passes logins only",
    "SSH_AGENT_PID": "it leads to keys that can sign approvals; say `agent: true`, which passes logins only",
    **dict.fromkeys(
        (
            *("BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "IFS", "ZDOTDIR", "PROMPT_COMMAND", "PS4"),
            *(
                "PERL5LIB",
                "PERL5OPT",
                "PERL5DB",
                "PERLLIB",
                "RUBYLIB",
                "RUBYOPT",
                "NODE_OPTIONS",
                "NODE_PATH",
            ),
            *("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "LUA_PATH", "LUA_CPATH"),
            *("MAKEFLAGS", "GNUMAKEFLAGS", "MFLAGS", "MAKEFILES", "GCONV_PATH", "LOCPATH", "NLSPATH"),
            *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF"),
            *("GIT_ASKPASS", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_TEMPLATE_DIR"),
            *("SSH_ASKPASS", "SUDO_ASKPASS", "EDITOR", "VISUAL", "PAGER", "LESSOPEN", "LESSCLOSE", "BROWSER"),
        ),
        _LOADS_CODE,
    ),
}
_PREFIXES = {
    "LD_": _LOADS_CODE,
    "DYLD_": _LOADS_CODE,
    "PYTHON": _LOADS_CODE,
    "IPYTHON": _LOADS_CODE,
    "JUPYTER": _LOADS_CODE,
    "BASH_FUNC_": _LOADS_CODE,
    "GIT_CONFIG": _LOADS_CODE,
    "RUNBOOK_": "it belongs to Runbook itself; what a step may know is in `context` of runbook.kit",
}


def forbidden(name: str) -> str | None:
    """Why the variable `name` never passes to steps; None when it may."""
    return _NAMES.get(name) or next(
        (words for prefix, words in _PREFIXES.items() if name.startswith(prefix)), None
    )
