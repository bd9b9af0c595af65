-- Sources of a node that there is none of, other than the node named $1: which source, which node.
SELECT name, node_name
  FROM source s
 WHERE state IN (1, 2) AND node_name IS NOT NULL AND node_name <> $1::text
   AND NOT EXISTS (SELECT FROM node n WHERE n.name = s.node_name AND n.state <> 3)
 ORDER BY source_id
