"""What people do, each with its line in the audit log. The console, the API and the command line do it through these.

`who` is the address of the user, or who it was on the machine's shell (`audit.of_shell`).

alerts.py   save, pause, resume, remove, put back
feeds.py    add, import, poll, pause, resume, replace, remove
entries.py  try those in quarantine again, or discard them
people.py   recipients, groups, channels, and what each says of their own mails
words.py    named lists
stories.py  what is taken down
"""
