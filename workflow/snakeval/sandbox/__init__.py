"""Programs that a model wrote, run against tests. What they may do, and why a verdict can be believed, is told in docs/security.md.

execution   the way in: a program and its tests become a verdict
launch      the process that builds the jail, starts both sides in it, and watches the time
namespaces  a file system, network and process table of their own
confinement what every process in the jail gives up: privileges, resources, system calls
seccomp     the system calls that are left
program     the side of the program: defines it, then answers calls
checker     the side of the tests: runs them in an interpreter the program never enters
dialogue    what the two may say to each other: plain data, and calls
code_eval   the metric of that name of the `evaluate` library, on top of this
"""
