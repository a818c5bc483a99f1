"""All that is kept, in one SQLite file: for one machine, as real as Elasticsearch.

database.py  the file: connections, transactions, schema, errors
records.py   things by id, the same for every kind
stores.py    what each kind can be asked for besides
stories.py   stories and their full-text index
alerts.py    alerts and the presearcher
clusters.py  who leads a cluster
copied.py    what stories and clusters keep besides, for a backup
"""

from pipeline.adapters.sqlite.stores import open_stores

__all__ = ["open_stores"]
