"""What a log says: `tally` adds it up, `terminal`, `page` and `table` show it."""
