-- a comment
SELECT `a``b`, `select`, "x", 'multi
line' /* block /* nested */ */ FROM `t$errors`;;
Ünï -- broken