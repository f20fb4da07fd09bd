"""The process that clients talk to: it receives whole requests and passes each to a worker process."""
