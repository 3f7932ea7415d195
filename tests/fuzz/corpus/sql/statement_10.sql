SET 'a.b' = 'c'
