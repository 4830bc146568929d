"""The parts that all screens share: commands, keys, header, footer, actions and panes."""
