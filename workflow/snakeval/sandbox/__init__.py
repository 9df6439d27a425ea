"""Programs that a model wrote, run against tests. Never imports metrics.

docs/explanation/security.md says what a program may do, and why a verdict can be trusted.

execution    entry point: a program and its tests become a verdict
launch       the process that builds the jail, starts both sides in it and limits the time
namespaces   a file system, network and process table of the jail's own
confinement  what every process in the jail gives up: privileges, resources, system calls
seccomp      the system calls that remain
program      the program's side: defines it, then answers calls
checker      the tests' side: runs them in an interpreter that the program never enters
dialogue     what both sides may send to each other: plain data and calls
"""
