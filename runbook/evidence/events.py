"""The kinds of events in a journal, and who writes them. Pure data; DESIGN §8.

A journal line is canonical JSON: `seq` (0, 1, 2 …), `prev` (sha256 hex of the line before, without its line
end; the first is that of `start.txt`), `t` (wall clock, a claim, `YYYY-MM-DDThh:mm:ss.mmmZ`), `m` (monotonic
nanoseconds), `kind`, and the payload's own keys. No floats anywhere.

| kind | written when | payload |
|---|---|---|
| `opened` | first event | `plan` digest, `supervisor` pid, `version` |
| `kernel-started` | the kernel answered | `pid`, `started` (process start time, text), `argv`, `python`, `implementation` |
| `step-started` | the request left | `step`, `index`, `attempt` (1, 2 …), `message` (msg_id), `source` (sha256), `by` |
| `message` | the kernel published or asked something | `channel`, `type`, `step` or null, `parent`, `content` or `blob`, `size`, `spooled` (spool number) |
| `foreign` | somebody else's code ran in the kernel | `session`, `message`, `content` |
| `step-ended` | the reply came, or is known never to come | `step`, `attempt`, `state`, `reason`, `error`, `ms`, `reply` |
| `step-skipped` | it will not run | `step`, `reason` (`when`, `operator`, `dry-run`, `selection`, `frozen`, `undo`, `setup-failed` …), `words` |
| `question` | the run waits for a person | `question` (number), `step`, `asks` (`start`, `confirm`, `danger`, `manual`, `failed`, `input`), `choices`, `words` |
| `answer` | somebody answered | `question`, `choice`, `words`, `by`, `how` (`terminal`, `approval`, `default`) |
| `attested` / `declined` | a manual step was done / refused by a person | `step`, `by`, `words` |
| `note` | the operator or a step wrote a remark | `by`, `words`, `step` |
| `kit` | the kit told of a command or a value | `step`, `what` (`sh`, `note`, …), the rest is the kit's own record |
| `interrupted` | Ctrl-C or `stop` | `by`, `how` (`interrupt`, `kill`, `stop`) |
| `viewer` | a terminal came or went | `by`, `mode`, `what` |
| `gap` | something is known to be missing | `what`, `count` or null |
| `truncated` | a limit was reached | `step`, `limit`, `dropped`, `bytes`, `sha256` of what was dropped |
| `kernel-ended` | the kernel is gone | `returncode`, `signal`, `expected` |
| `sealed` | last event | `outcome`, `steps` (name → state) |
"""

from typing import Literal

StepState = Literal[
    "pending",
    "running",
    "succeeded",
    "failed",
    "timed-out",
    "interrupted",
    "kernel-died",
    "unknown",
    "skipped",
    "attested",
    "declined",
    "deviated",
]

Outcome = Literal["succeeded", "deviated", "failed", "stopped", "refused", "unknown"]
