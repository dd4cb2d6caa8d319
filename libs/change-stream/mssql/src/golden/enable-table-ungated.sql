EXEC sys.sp_cdc_enable_table @source_schema = N'se]l', @source_name = N'o''rd]er', @role_name = NULL, @capture_instance = N'elstream_0123456789abcdef0123_2', @supports_net_changes = 0;
