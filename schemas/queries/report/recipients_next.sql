-- The next page of the open cursor of report/recipients.
FETCH 1000 FROM report_recipients;
