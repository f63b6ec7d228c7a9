"""Reports of a log: `tally` adds it up; `terminal`, `page` and `table` show it."""
