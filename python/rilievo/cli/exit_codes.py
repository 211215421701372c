"""What the shell is told when a command ends."""

DONE = 0
# Some pictures failed; the others are written.
FAILED = 1
# The command itself was wrong.
WRONG = 2
INTERRUPTED = 130
