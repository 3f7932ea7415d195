ALTER TABLE t SET ('k' = 'v')
