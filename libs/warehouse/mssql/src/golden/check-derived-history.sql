WITH every AS (
  SELECT h.[region] AS k0, h.[id] AS k1, h.[valid_from] AS v_from, h.[valid_to] AS v_to, CONVERT(int, h.[deleted]) AS gone, 0 AS stands, CONVERT(int, h.__elstream_approximate) AS near FROM [o'dbo].[order]]lines_archive] AS h
  UNION ALL SELECT t.[region] AS k0, t.[id] AS k1, t.__elstream_valid_from AS v_from, CONVERT(datetime2(6), NULL) AS v_to, 0, 1, 0 FROM [o'dbo].[order]]lines] AS t),
follows AS (
  SELECT e.*, LAG(e.v_to) OVER (PARTITION BY k0, k1 ORDER BY e.stands, e.v_from, e.v_to) AS before, LAG(e.gone) OVER (PARTITION BY k0, k1 ORDER BY e.stands, e.v_from, e.v_to) AS gone_before, LEAD(e.stands) OVER (PARTITION BY k0, k1 ORDER BY e.stands, e.v_from, e.v_to) AS next FROM every AS e)
SELECT CONVERT(varchar(20), COUNT_BIG(CASE WHEN stands = 0 THEN 1 END)) AS versions, CONVERT(varchar(20), COUNT_BIG(CASE WHEN near = 1 THEN 1 END)) AS approximate,
       CONVERT(varchar(20), COUNT_BIG(CASE WHEN v_from <> before AND NOT (gone_before = 1 AND v_from > before) THEN 1 END)
                          + COUNT_BIG(CASE WHEN next IS NULL AND stands = 0 AND gone = 0 THEN 1 END)) AS holes FROM follows;
