"""Rules, one small file each. A rule is a line in the table of ``sim/report/findings/__init__.py``."""
