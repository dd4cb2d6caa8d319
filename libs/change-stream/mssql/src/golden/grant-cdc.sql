GRANT SELECT ON SCHEMA::[cdc] TO [us'er]]];
