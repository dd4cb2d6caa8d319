GRANT SELECT, INSERT, UPDATE, DELETE ON [elstream].[counter] TO [us'er]]];
