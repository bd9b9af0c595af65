-- Whether host $1 was found to be the best mail exchanger of somebody, of no provider.
SELECT EXISTS (SELECT FROM recipient_domain WHERE last_mx = lower($1::text) AND provider IS NULL)
