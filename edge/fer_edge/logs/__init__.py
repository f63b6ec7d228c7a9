"""The log as files: their names and order, rotation, retention, repair, reading and purging.

`fer-edge.jsonl` is the current file. Full ones are beside it as `fer-edge.000001_BEGIN_END.jsonl`, numbered in the
order of writing; BEGIN and END are the earliest and latest time in it (UTC, `20260101T120000Z`). The promises:

- a line that was flushed is there once after a power cut at any instant; at most `flush_seconds` of lines are lost;
- readers get only whole lines, in the order of writing, while the log is written, rotated and purged;
- only files with such a name and such a content are ever deleted, and by age only after the clock ran steadily for an
  hour.

`fer-edge.index.json` has sums of what was read for the history; see `fer_edge.logs.index`.

Writing, rotating, deleting and purging hold the folder's lock (`fer_edge.logs.folder`).
"""
