ALTER ROLE [ro'le]]] ADD MEMBER [us'er]]];
