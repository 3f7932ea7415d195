-- a comment
SELECT `a``b`, `select`, "x", 'multi
line' /* block /* not nested */ FROM `t$errors`;;
SELECT 1 AS `Ünï` -- end