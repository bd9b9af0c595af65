-- How often each kind of thing that steers nodes was changed.
SELECT kind, version FROM change
