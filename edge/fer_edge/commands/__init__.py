"""The commands of `fer-edge`: one file each, one line in `fer_edge.cli.COMMANDS`."""
