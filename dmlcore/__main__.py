"""`python -m dmlcore` is `dmlcore`."""

from dmlcore.cli import main

main(prog_name="dmlcore")
