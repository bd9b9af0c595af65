-- One operator at a time: what all say of providers is looked at together.
LOCK TABLE provider IN SHARE ROW EXCLUSIVE MODE
