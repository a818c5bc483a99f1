"""Where the pipeline meets the world: the only importers of store, HTTP, mail and process libraries."""
