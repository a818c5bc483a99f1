"""Who reads the mails: people, groups and channels, what they prefer, and whom an alert means."""
