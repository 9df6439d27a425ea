"""What any job needs to run, whatever it does.

job         start: the log, the settings, the terminal
progress    progress on the terminal
gpus        devices that a job holds while it runs
retry       attempts at something that may fail for a while
time_limit  an end for code that may not end
stage       the declaration of a stage
"""
