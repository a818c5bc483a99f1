"""What operators ask and do: how it stands, what waits or failed, what is kept, removed and carried elsewhere."""
