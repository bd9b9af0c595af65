-- One operator at a time: own rules are looked at together.
LOCK TABLE reply_rule IN SHARE ROW EXCLUSIVE MODE
