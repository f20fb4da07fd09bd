"""Jobs: large tables that are valued in a process of their own, while requests are answered as ever.

The folder of the setting `jobs_folder` holds everything about a job, so any process can answer for it
(`store.py`).
The front's `Supervisor` starts a process for one job at a time (`__main__.py`, then `work.py`).
"""
