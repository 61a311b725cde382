"""Files exported from a lock file: judged against that one."""
