"""The run file: what a report is made from, without simulating again.

``run.edgesim`` is a ZIP archive: ``document.json`` (plain data, see :mod:`sim.report.run_file.document`) and behind it one ``.npy`` array for
each column, so that any tool can open it, and whatever comes before the place where a file was cut off can still be read.
"""
