GRANT SELECT ON [se]]l].[o'rd]]er] TO [us'er]]];
