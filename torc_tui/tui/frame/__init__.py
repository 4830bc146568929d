"""What all screens share: commands, keys, header, footer, actions and panes."""
