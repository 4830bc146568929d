"""Run the processes of jobs on this machine."""
