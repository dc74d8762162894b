"""Files through a model server: split into records, packed into requests, put together again. Knows no job."""
