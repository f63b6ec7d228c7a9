"""The commands of `fer-edge`: one file each, one line in `edge.cli.COMMANDS`."""
