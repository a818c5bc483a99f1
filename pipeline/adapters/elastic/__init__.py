"""All that is kept, in Elasticsearch: for newsrooms, and as many workers as it takes.

client.py   the connection: timeouts, retries, errors translated in one place
indices.py  mappings, versioned names behind aliases, preparing and probing
lock.py     one at a time reindexes or prunes
reindex.py  a kind moves into a new index while others work
records.py  things by id, the same for every kind: op_type=create, if_seq_no, bulk
stores.py   what each kind can be asked for besides
stories.py  stories, their search, and the identities by which they are known again
alerts.py   alerts and the percolator
clusters.py who leads a cluster
copied.py   what stories and clusters keep besides, for a backup
"""

from pipeline.adapters.elastic.stores import open_stores

__all__ = ["open_stores"]
