"""The log as files: names and their order, rotation, what is kept, repair, reading and purging.

`fer-edge.jsonl` is the current file. Full ones lie beside it as `fer-edge.000001_BEGIN_END.jsonl`, numbered in the
order of writing; BEGIN and END are the earliest and latest moment within (UTC, `20260101T120000Z`). The promises:

- a line that was flushed is there after a power cut at any instant, once; at most `flush_seconds` of lines are lost;
- who reads gets whole lines alone, in the order of writing, while the log is written, rotated and purged;
- only files with such a name and such a content are ever deleted, and by age only after the clock ran an hour unmoved.

Whoever writes, rotates, deletes or purges holds the folder's lock meanwhile (`fer_edge.logs.folder`).
"""
